import { EventHub, type EndReason } from '../../../lib/core/events/events.js';
import type { Look } from '../../../lib/core/operations/presence.js';
import { Attachments } from '../../../lib/core/presence/attachments.js';
import type { Attached, Watching } from '../../../lib/core/presence/attached.js';
import type { RequestState } from '../../../lib/core/request/request-state.js';

const EVERY = 10_000;

/** What is open to one session, over a clock that can also be set back. */
function watch(over: Partial<Watching> = {}) {
  const time = { now: 1_000_000 };
  const timers = new Set<{ at: number; callback: () => void }>();
  const clock = {
    now: () => time.now,
    after: (milliseconds: number, callback: () => void) => {
      const timer = { at: elapsed + milliseconds, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  // Timers wait by what has passed, whatever the clock was set to.
  let elapsed = 0;
  const looks: RequestState[] = [];
  const events = new EventHub(() => undefined);
  const attachments = new Attachments(
    {
      look: (state) => (looks.push(state), Promise.resolve<Look>({ over: false, renewed: false })),
      expiryOf: (state) => (state as unknown as { expiry: number }).expiry,
      clock,
      every: EVERY,
      apart: false,
      ...over,
    },
    events,
  );
  return {
    attachments,
    looks,
    attach(closes: unknown[] = [], expiry = Infinity): Attached {
      const handle = { record: { id: 'id' } };
      const state = { live: { handle }, handle, expiry, now: () => time.now, lost: () => undefined };
      return attachments.attach(state as unknown as RequestState, (reason) => closes.push(reason))!;
    },
    end: (reason: EndReason) => events.emit({ type: 'ended', id: 'id', at: time.now, reason }),
    relogin: () => events.emit({ type: 'relogin', id: 'id', at: time.now, factor: 'pwd' }),
    setBack: (milliseconds: number) => (time.now -= milliseconds),
    async pass(milliseconds: number): Promise<void> {
      elapsed += milliseconds;
      time.now += milliseconds;
      for (const timer of [...timers]) if (timer.at <= elapsed && timers.delete(timer)) timer.callback();
      await new Promise(setImmediate);
    },
  };
}

describe('what is open to a session, over a clock that is set', () => {
  it('is closed by the event, also after something that was open before is detached again', () => {
    const { attachments, attach, end } = watch();
    const former = attach();
    former.detach();
    const closes: unknown[] = [];
    attach(closes);
    former.detach();
    expect(attachments.size).toEqual({ sessions: 1, attached: 1 });
    end('logout');
    expect(closes).toEqual(['logout']);
    expect(attachments.size).toEqual({ sessions: 0, attached: 0 });
  });

  it('is looked at as often, and before a message, when the clock was set back', async () => {
    const { attach, looks, pass, setBack } = watch();
    const attached = attach();
    setBack(3_600_000);
    await attached.refresh();
    expect(looks).toHaveLength(1);
    await attached.refresh();
    expect(looks).toHaveLength(1);
    setBack(3_600_000);
    await pass(EVERY);
    expect(looks).toHaveLength(2);
    await pass(EVERY);
    expect(looks).toHaveLength(3);
  });

  it('is loaded by the next message after a re-login that was told while it was loaded', async () => {
    let answer: (look: Look) => void = () => undefined;
    const { attach, relogin, looks } = (() => {
      const seen: unknown[] = [];
      const look = () => {
        seen.push(undefined);
        return new Promise<Look>((resolve) => (answer = resolve));
      };
      return { ...watch({ look }), looks: seen };
    })();
    const attached = attach();
    const loaded = attached.reload();
    relogin();
    answer({ over: false, renewed: false });
    await loaded;
    void attached.refresh();
    expect(looks).toHaveLength(2);
  });

  it('is looked at by each connection when each has a cookie of its own, the earliest first', async () => {
    const { attach, looks, pass } = watch({ apart: true });
    attach([], 2_000_000);
    attach([], 1_000_100);
    await pass(99);
    expect(looks).toHaveLength(0);
    await pass(1);
    expect(looks).toHaveLength(2);
  });
});
