import { EventHub } from '../../../lib/core/events/events.js';
import type { Look } from '../../../lib/core/operations/presence.js';
import { Attachments } from '../../../lib/core/presence/attachments.js';
import { RequestState } from '../../../lib/core/request/request-state.js';
import type { SessionHandle } from '../../../lib/core/storage/backend.js';
import { FakeClock } from '../../../lib/testing/fake-clock.js';

const EVERY = 10_000;
const IDLE = 1_800_000;

/** Attachments whose looks are under control. */
function setUp() {
  const clock = new FakeClock();
  const events = new EventHub((error) => {
    throw error;
  });
  const looks: string[] = [];
  let answer: (id: string) => Look | Promise<Look> = () => ({ over: false, renewed: false });
  let running = 0;
  let most = 0;
  const attachments = new Attachments(
    {
      look: async (state) => {
        looks.push(state.id);
        most = Math.max(most, ++running);
        try {
          return await answer(state.id);
        } finally {
          running--;
        }
      },
      expiryOf: (state) => state.handle!.record.lastSeenAt + IDLE,
      clock,
      every: EVERY,
      apart: false,
    },
    events,
  );
  const stateOf = (id: string) => {
    const state = new RequestState(clock, {}, () => ({}) as never);
    const record = { id, lastSeenAt: clock.now(), data: {}, factors: {}, secretHash: 'hash' };
    state.opened({
      kind: 'live',
      handle: { record, token: undefined, legacy: false } as unknown as SessionHandle,
      now: clock.now(),
      skew: 0,
      present: true,
      renewed: false,
      confirms: false,
    });
    return state;
  };
  const closed: string[] = [];
  const attach = (id: string, name = id) =>
    attachments.attach(stateOf(id), (reason) => closed.push(`${name}: ${reason ?? 'unknown'}`))!;
  const end = (id: string) => events.emit({ type: 'ended', id, at: clock.now(), reason: 'revoked' });
  return {
    clock,
    events,
    looks,
    attachments,
    stateOf,
    closed,
    attach,
    end,
    answers: (next: typeof answer) => void (answer = next),
    mostAtOnce: () => most,
  };
}

/** Until what was begun is done. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('what is open by session', () => {
  it('closes once, with the reason, by the event of its session alone', () => {
    const { attach, end, closed, attachments } = setUp();
    attach('a', 'one');
    attach('a', 'two');
    attach('b');
    end('a');
    end('a');
    expect(closed).toEqual(['one: revoked', 'two: revoked']);
    expect(attachments.size).toEqual({ sessions: 1, attached: 1 });
  });

  it('closes although the event came while its session was being loaded', () => {
    const { attachments, stateOf, end, closed } = setUp();
    const [opening, abandoned] = [attachments.begin(), attachments.begin()];
    abandoned.done();
    end('a');
    attachments.attach(stateOf('a'), (reason) => closed.push(String(reason)), opening);
    expect(closed).toEqual(['revoked']);
    expect(attachments.size).toEqual({ sessions: 0, attached: 0 });
  });

  it('is not told when it has detached', async () => {
    const { attach, end, closed, looks, clock } = setUp();
    attach('a').detach();
    end('a');
    clock.advance('1h');
    await settled();
    expect([closed, looks]).toEqual([[], []]);
  });

  it('does not forget others that came later when one detaches again', () => {
    const { attach, end, closed } = setUp();
    const first = attach('a', 'first');
    first.detach();
    attach('a', 'second');
    first.detach();
    end('a');
    expect(closed).toEqual(['second: revoked']);
  });

  it('is looked at once a session within the interval, whether or not an event came', async () => {
    const { attach, looks, clock, closed, answers } = setUp();
    attach('a', 'one');
    attach('a', 'two');
    clock.advance(EVERY);
    await settled();
    expect(looks).toEqual(['a']);
    answers(() => ({ over: true, reason: undefined }));
    clock.advance(EVERY);
    await settled();
    expect(closed).toEqual(['one: unknown', 'two: unknown']);
  });

  it('is looked at when its time is over, before the interval is', async () => {
    const { attach, looks, clock } = setUp();
    attach('a');
    for (let time = 0; time + EVERY < IDLE; time += EVERY) {
      clock.advance(EVERY);
      await settled();
    }
    const before = looks.length;
    clock.advance(IDLE % EVERY || EVERY);
    await settled();
    expect(looks.length).toBe(before + 1);
  });

  it('stays open in an outage, and closes after it', async () => {
    const { attach, clock, closed, answers } = setUp();
    attach('a');
    answers(() => Promise.reject(new Error('down')));
    for (let i = 0; i < 5; i++) {
      clock.advance('1h');
      await settled();
    }
    expect(closed).toEqual([]);
    answers(() => ({ over: true, reason: 'idle' }));
    clock.advance(EVERY);
    await settled();
    expect(closed).toEqual(['a: idle']);
  });

  it('is looked at by a bounded number of looks at once', async () => {
    const { attach, clock, looks, mostAtOnce, answers } = setUp();
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    answers(async () => {
      await gate;
      return { over: false, renewed: false };
    });
    for (let i = 0; i < 100; i++) attach(`session ${i}`);
    clock.advance(EVERY);
    await settled();
    expect(looks.length).toBe(16);
    open();
    for (let i = 0; i < 20; i++) await settled();
    expect([new Set(looks).size, mostAtOnce()]).toEqual([100, 16]);
  });

  it('spreads the looks of what came at the same time', async () => {
    const { attach, clock, looks } = setUp();
    for (let i = 0; i < 100; i++) attach(`session ${i}`);
    clock.advance(EVERY / 2 - 1);
    await settled();
    expect(looks).toEqual([]);
    clock.advance(EVERY / 4);
    for (let i = 0; i < 20; i++) await settled();
    expect(looks.length).toBeGreaterThan(20);
    expect(looks.length).toBeLessThan(80);
  });

  it('loads for a message only what is older than the interval, and once for several at a time', async () => {
    const { attach, clock, looks, answers } = setUp();
    const attached = attach('a');
    await attached.refresh();
    expect(looks).toEqual([]);
    let open = (): void => undefined;
    answers(() => new Promise((resolve) => (open = () => resolve({ over: false, renewed: false }))));
    clock.advance(EVERY - 1);
    const before = looks.length;
    open();
    await settled();
    clock.advance(EVERY);
    const both = [attached.refresh(), attached.refresh()];
    await settled();
    expect(looks.length).toBe(before + 1);
    open();
    await Promise.all(both);
  });

  it('looks at each of them after a re-login, for not all are of the client that proved itself', async () => {
    const { attach, events, looks, clock, closed, answers } = setUp();
    const own = attach('a', 'own');
    attach('a', 'other');
    const answersOf: Look[] = [
      { over: false, renewed: true },
      { over: true, reason: 'renewed' },
    ];
    answers(() => answersOf.shift() ?? { over: false, renewed: false });
    await own.refresh();
    expect(looks).toEqual([]);
    events.emit({ type: 'relogin', id: 'a', at: clock.now(), factor: 'pwd' });
    await own.refresh();
    await settled();
    expect(closed).toEqual(['other: renewed']);
    expect(looks.length).toBeGreaterThanOrEqual(2);
  });

  it('is watched no more when the application stops', async () => {
    const { attach, attachments, clock, looks, end, closed, events } = setUp();
    attach('a');
    attachments.stop();
    clock.advance('1h');
    end('a');
    await settled();
    expect([looks, closed, events.observed]).toEqual([[], [], false]);
    expect(attach('b')).toBeUndefined();
  });

  it('makes nobody listen to events before anything is open', () => {
    const { events, attach } = setUp();
    expect(events.observed).toBe(false);
    attach('a');
    expect(events.observed).toBe(true);
  });
});
