import { jest } from '@jest/globals';
import { ListReader } from '../../lib/revocations/list-reader.js';
import type { RevocationContext } from '../../lib/revocations/revocation-list.js';
import type { RevocationPage, RevocationSource } from '../../lib/revocations/revocation-source.js';

const STALENESS = 5_000;
const TIMEOUT = 2_000;
const unavailable = expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE' });

/** A query of the list that waits for its response. */
interface Query {
  cursor: number;
  now: number | undefined;
  respond(page?: Partial<RevocationPage>): Promise<void>;
  fail(): Promise<void>;
}

/** Lets what waits for a response go on, without time passing. */
const settled = () => jest.advanceTimersByTimeAsync(0);

function setup({ clockInjected = false } = {}) {
  const queries: Query[] = [];
  const pages: RevocationPage[] = [];
  const source: RevocationSource = {
    changes: (cursor, now) =>
      new Promise((resolve, reject) => {
        const page = { epoch: 'one', time: 0, cursor, revocations: [], unreadable: 0, more: false };
        const respond = (change: Partial<RevocationPage> = {}) => {
          resolve({ ...page, ...change });
          return settled();
        };
        const fail = () => {
          reject(new Error('refused'));
          return settled();
        };
        queries.push({ cursor, now, respond, fail });
      }),
    add: () => Promise.reject(new Error('not used')),
    listen: () => () => undefined,
  };
  const context: RevocationContext = {
    clock: { now: () => 1_234 },
    clockInjected,
    timeout: TIMEOUT,
    warn: () => undefined,
  };
  const apply = { page: (page: RevocationPage): void => void pages.push(page) };
  const reader = new ListReader(source, STALENESS, (page) => apply.page(page));
  const fresh = () => reader.fresh(context);
  const sync = () => reader.sync(context);
  /** Reads all that there is. */
  const read = async (page?: Partial<RevocationPage>) => {
    const reading = sync();
    await Promise.all([reading, queries.at(-1)!.respond(page)]);
  };
  /** Follows what becomes of a call. */
  const outcomeOf = (call: void | Promise<void>) => {
    const outcome = { of: 'pending' as unknown };
    if (!call) outcome.of = 'nothing to wait for';
    else
      call.then(
        () => (outcome.of = 'done'),
        (error: unknown) => (outcome.of = error),
      );
    return outcome;
  };
  const cursors = () => queries.map(({ cursor }) => cursor);
  return { reader, queries, pages, apply, fresh, sync, read, outcomeOf, cursors };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('the pages of a list', () => {
  it('are read one after the other, up to the last', async () => {
    const { reader, queries, pages, sync, outcomeOf, cursors } = setup();
    const outcome = outcomeOf(sync());
    await queries[0]!.respond({ cursor: 2, more: true });
    await queries[1]!.respond({ cursor: 3, more: true });
    expect([outcome.of, cursors()]).toEqual(['pending', [0, 2, 3]]);
    await queries[2]!.respond({ cursor: 4 });
    expect([outcome.of, cursors()]).toEqual(['done', [0, 2, 3]]);
    expect(pages.map(({ cursor }) => cursor)).toEqual([2, 3, 4]);
    expect(reader.epoch).toBe('one');
  });

  it('are continued by the next read, which need not find anything', async () => {
    const { pages, read, cursors } = setup();
    await read({ cursor: 3 });
    await read();
    await read({ cursor: 4 });
    await read({ cursor: 4 });
    expect(cursors()).toEqual([0, 3, 3, 4]);
    expect(pages).toHaveLength(4);
  });

  it.each([
    ['restored to an earlier state', { cursor: 2 }],
    ['created again', { epoch: 'two', cursor: 2 }],
    ['created again and has as many writes', { epoch: 'two', cursor: 3 }],
    ['created again and has more writes', { epoch: 'two', cursor: 9 }],
  ])('are read from the beginning if the list was %s', async (_, page) => {
    const { reader, queries, pages, read, sync, outcomeOf, cursors } = setup();
    await read({ cursor: 3 });
    const outcome = outcomeOf(sync());
    await queries[1]!.respond(page);
    expect([outcome.of, cursors(), pages.length]).toEqual(['pending', [0, 3, 0], 1]);
    await queries[2]!.respond(page);
    expect([outcome.of, cursors(), pages.length]).toEqual(['done', [0, 3, 0], 2]);
    expect(reader.epoch).toBe(page.epoch ?? 'one');
  });

  it('are read once if the list was created again before anything was read', async () => {
    const { reader, read, cursors } = setup();
    expect([reader.epoch, reader.skew]).toEqual(['', 0]);
    await read({ cursor: 0 });
    await read({ cursor: 0, epoch: 'two' });
    expect(cursors()).toEqual([0, 0]);
    expect(reader.epoch).toBe('two');
  });

  it('are read again from where they were if one could not be applied', async () => {
    const { pages, apply, read, cursors } = setup();
    await read({ cursor: 3 });
    const works = apply.page;
    apply.page = () => {
      throw new Error('not applied');
    };
    await expect(read({ cursor: 4 })).rejects.toThrow('not applied');
    apply.page = works;
    await read({ cursor: 4 });
    expect(cursors()).toEqual([0, 3, 3]);
    expect(pages).toHaveLength(2);
  });

  it('are queried with the time of an injected clock, and else with none', async () => {
    for (const clockInjected of [true, false]) {
      const { queries, read } = setup({ clockInjected });
      await read();
      expect(queries.map(({ now }) => now)).toEqual([clockInjected ? 1_234 : undefined]);
    }
  });

  it('may say that the clock of the list is ahead by a fraction, which is rounded', async () => {
    const { reader, read } = setup();
    await read({ time: 1_300.4 });
    expect(reader.skew).toBe(66);
  });
});

describe('a list that does not respond', () => {
  it('is waited for as long as it may take', async () => {
    const { sync, outcomeOf } = setup();
    const outcome = outcomeOf(sync());
    await jest.advanceTimersByTimeAsync(TIMEOUT - 1);
    expect(outcome.of).toBe('pending');
    await jest.advanceTimersByTimeAsync(1);
    expect(outcome.of).toEqual(unavailable);
  });

  it('is queried again by the next read', async () => {
    const { queries, sync, fresh, outcomeOf, read } = setup();
    const outcome = outcomeOf(sync());
    await queries[0]!.fail();
    expect(outcome.of).toEqual(unavailable);
    expect(outcomeOf(fresh()).of).toBe('pending');
    await queries[1]!.respond();
    await read();
    expect(queries).toHaveLength(3);
  });

  it('leaves the copy as old as it is', async () => {
    const { queries, fresh, sync, outcomeOf, read } = setup();
    await read();
    await jest.advanceTimersByTimeAsync(STALENESS);
    const outcome = outcomeOf(sync());
    await queries[1]!.fail();
    expect(outcome.of).toEqual(unavailable);
    expect(fresh()).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    expect(outcomeOf(fresh()).of).toBe('pending');
  });

  it('is not current after a page with an invalid cursor', async () => {
    const { fresh, outcomeOf, read } = setup();
    await expect(read({ cursor: NaN })).rejects.toEqual(unavailable);
    expect(outcomeOf(fresh()).of).toBe('pending');
  });
});

describe('a copy of a list', () => {
  it('is current for the staleness after the query was sent, not after its response', async () => {
    const { queries, fresh, sync, outcomeOf } = setup();
    expect(outcomeOf(fresh()).of).toBe('pending');
    await queries[0]!.respond();
    expect(fresh()).toBeUndefined();
    const reading = sync();
    await jest.advanceTimersByTimeAsync(1_500);
    await queries[1]!.respond();
    await reading;
    await jest.advanceTimersByTimeAsync(STALENESS - 1_500);
    expect(fresh()).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    expect(outcomeOf(fresh()).of).toBe('pending');
    expect(queries).toHaveLength(3);
  });

  it('is made current by one query for all that wait for it', async () => {
    const { queries, fresh, outcomeOf } = setup();
    const outcomes = [outcomeOf(fresh()), outcomeOf(fresh())];
    await queries[0]!.respond();
    expect(outcomes.map((one) => one.of)).toEqual(['done', 'done']);
    expect(queries).toHaveLength(1);
  });

  it('is not current before the last page', async () => {
    const { queries, fresh, sync, outcomeOf } = setup();
    outcomeOf(sync());
    await queries[0]!.respond({ cursor: 2, more: true });
    expect(outcomeOf(fresh()).of).toBe('pending');
  });

  it('is read once more if the first read took longer than the staleness', async () => {
    const { queries, fresh, outcomeOf } = setup();
    const outcome = outcomeOf(fresh());
    for (let cursor = 0; cursor < 3; cursor++) {
      await jest.advanceTimersByTimeAsync(TIMEOUT - 1);
      await queries[cursor]!.respond({ cursor: cursor + 1, more: cursor < 2 });
    }
    expect([outcome.of, queries.length]).toEqual(['pending', 4]);
    await queries[3]!.respond();
    expect([outcome.of, queries.length]).toEqual(['done', 4]);
  });
});

describe('a read of everything that was written before it', () => {
  it('does not share a query that was sent before, and shares the one after it', async () => {
    const { queries, sync, outcomeOf } = setup();
    const outcomes = [sync(), sync(), sync()].map(outcomeOf);
    const now = () => outcomes.map((one) => one.of);
    expect(queries).toHaveLength(1);
    await queries[0]!.respond();
    expect([now(), queries.length]).toEqual([['done', 'pending', 'pending'], 2]);
    await queries[1]!.respond();
    expect([now(), queries.length]).toEqual([['done', 'done', 'done'], 2]);
  });

  it('waits for another one if it comes during that', async () => {
    const { queries, sync, outcomeOf } = setup();
    const [first, second] = [outcomeOf(sync()), outcomeOf(sync())];
    await queries[0]!.respond();
    const third = outcomeOf(sync());
    await queries[1]!.respond();
    expect([first.of, second.of, third.of, queries.length]).toEqual(['done', 'done', 'pending', 3]);
    await queries[2]!.respond();
    expect(third.of).toBe('done');
  });

  it('does not fail with the query that was sent before', async () => {
    const { queries, sync, outcomeOf } = setup();
    const [first, second] = [outcomeOf(sync()), outcomeOf(sync())];
    await queries[0]!.fail();
    expect([first.of, second.of]).toEqual([unavailable, 'pending']);
    await queries[1]!.respond();
    expect(second.of).toBe('done');
  });
});
