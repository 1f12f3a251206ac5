import { ListReader } from '../../lib/revocations/list-reader.js';
import type { RevocationContext } from '../../lib/revocations/revocation-list.js';
import type { RevocationSource } from '../../lib/revocations/revocation-source.js';

/** A reader of a list whose clock is ahead, and whose replies take some time. */
function reader() {
  let now = 1_000_000;
  const list = { ahead: 500, delay: 0, back: 0 };
  const source: RevocationSource = {
    changes: async () => {
      now += list.delay;
      const time = now + list.ahead;
      now += list.back;
      return { epoch: 'one', time, cursor: 0, revocations: [], unreadable: 0, more: false };
    },
    add: () => Promise.reject(new Error('not used')),
    listen: () => () => undefined,
  };
  const context = { clock: { now: () => now }, clockInjected: false, timeout: 60_000 } as RevocationContext;
  const one = new ListReader(source, 5_000, () => undefined);
  const skewAfter = async (how: Partial<typeof list>): Promise<number> => {
    Object.assign(list, { delay: 0, back: 0 }, how);
    await one.sync(context);
    return one.skew;
  };
  return { skewAfter };
}

describe('the difference between the clock of a list and that of the node', () => {
  it('is what a fast reply says', async () => {
    const { skewAfter } = reader();
    expect(await skewAfter({})).toBe(500);
    expect(await skewAfter({ ahead: -700 })).toBe(-700);
    expect(await skewAfter({ ahead: 20 })).toBe(20);
  });

  it.each([
    ['on the way there', { delay: 4_000 }],
    ['on the way back', { back: 4_000 }],
  ])('is not moved by a reply that is late: %s', async (_, late) => {
    const { skewAfter } = reader();
    await skewAfter({});
    expect(await skewAfter(late)).toBe(500);
    expect(await skewAfter({})).toBe(500);
  });

  it('is none as long as there may be none', async () => {
    const { skewAfter } = reader();
    expect(await skewAfter({ ahead: 0, delay: 4_000 })).toBe(0);
  });

  it('moves as far as a late reply proves', async () => {
    const { skewAfter } = reader();
    await skewAfter({ ahead: 0 });
    expect(await skewAfter({ ahead: 10_000, back: 4_000 })).toBe(6_000);
    expect(await skewAfter({})).toBe(10_000);
  });
});
