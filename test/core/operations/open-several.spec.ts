import { hashSecret } from '../../../lib/core/token/ids.js';
import { CookieAction } from '../../../lib/core/request/state.js';
import type { SessionRecord } from '../../../lib/core/model/record.js';
import { cookieWith, HOUR, LIMITS, MINUTE, node } from './node.js';

const OTHER = 'another secret, which is long enough for a key';
const FOREIGN = 'session=of-another-application';

/** A token whose place in the order is known: by its id, and then by its secret. */
const token = (id: string, secret = 'x'): string => `${id.repeat(22)}.${secret.repeat(43)}`;
const forged = (id: string): string => cookieWith(token(id), OTHER);

/** Stores sessions with ids, and so with cookies, whose order is known. */
function several() {
  const nodes = node();
  const { clock, store } = nodes;

  /** @param id one letter */
  async function session(id: string, over: Partial<SessionRecord> = {}): Promise<string> {
    const now = clock.now();
    const record: SessionRecord = {
      id: id.repeat(22),
      secretHash: hashSecret('x'.repeat(43)),
      revision: 0,
      factors: {},
      createdAt: now,
      startedAt: now,
      lastSeenAt: now,
      rotatedAt: now,
      remember: false,
      data: {},
      ...over,
    };
    await store.create(record, 24 * HOUR);
    return cookieWith(token(id));
  }

  /** What the cookies lead to, in whatever order they come: the first letter of the id of the session, or why there is none. */
  async function found(...cookies: string[]): Promise<unknown> {
    const [one, other] = [
      await nodes.request(cookies.join('; ')),
      await nodes.request(cookies.toReversed().join('; ')),
    ];
    expect(other.state.kind).toBe(one.state.kind);
    expect(other.rejectReason).toBe(one.rejectReason);
    expect(other.handle?.record.id).toBe(one.handle?.record.id);
    return one.live ? one.id[0] : (one.rejectReason ?? one.cookie);
  }

  return { ...nodes, session, found };
}

describe('of several cookies of the name', () => {
  it('the one of a live session counts, wherever it is among those that are rejected', async () => {
    const { session, found } = several();
    const mine = await session('m');
    for (const id of ['a', 'z'])
      for (const other of [FOREIGN, forged(id), cookieWith(token(id))])
        expect(await found(other, mine)).toBe('m');
  });

  it('ours are looked up first, so that injected ones cannot hide them', async () => {
    const { session, found, store } = several();
    const mine = await session('z');
    const injected = [...'abcdefghi'].map(forged);
    store.forget();
    expect(await found(...injected, FOREIGN, mine)).toBe('z');
    expect(store.count('load')).toBe(2);
  });

  it('the newer session counts', async () => {
    for (const [older, newer] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const { session, found, clock } = several();
      const cookies = [await session(older)];
      clock.advance(1);
      cookies.push(await session(newer));
      expect(await found(...cookies)).toBe(newer);
    }
  });

  it('the same of sessions that began at once counts', async () => {
    const { session, found } = several();
    const cookies = [await session('b'), await session('c'), await session('a')];
    expect(await found(...cookies)).toBe('c');
  });

  it('of sessions that began at once the order is that of their ids, also by an earlier token', async () => {
    const { session, found, clock } = several();
    const secretHash = hashSecret('y'.repeat(43));
    const until = clock.now() + MINUTE;
    const hash = hashSecret('x'.repeat(43));
    const previous = { hash, nonce: 'nonce', until, honoured: true, pending: true as const };
    expect(await found(await session('a'), await session('b', { secretHash, previous }))).toBe('b');
  });

  it('of sessions that began at once the order is that of their ids, also where that of the cookies differs', async () => {
    const { request, visitor } = node({}, 'sealed');
    const sessions: { id: string; cookie: string }[] = [];
    for (let i = 0; i < 20; i++) {
      const cookie = await visitor();
      sessions.push({ id: (await request(cookie)).id, cookie });
    }
    sessions.sort((one, other) => (one.cookie < other.cookie ? -1 : 1));
    // That twenty random ids are in order does not happen.
    const last = sessions.findIndex(({ id }, i) => i > 0 && id < sessions[i - 1]!.id);
    const [higher, lower] = [sessions[last - 1]!, sessions[last]!];
    expect((await request([higher.cookie, lower.cookie].join('; '))).id).toBe(higher.id);
  });

  it('the session counts that is not over by time, although it is the older one', async () => {
    for (const [over, live] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const { session, found, clock } = several();
      const now = clock.now();
      const cookies = [
        await session(over, { lastSeenAt: now - LIMITS.idle }),
        await session(live, { startedAt: now - MINUTE }),
      ];
      expect(await found(...cookies)).toBe(live);
    }
  });

  it.each([
    ['a', 'b'],
    ['b', 'a'],
  ])('of one session the present token counts (%s, after %s)', async (present, before) => {
    const { session, request, clock } = several();
    await session('s', {
      secretHash: hashSecret(present.repeat(43)),
      previous: {
        hash: hashSecret(before.repeat(43)),
        nonce: 'nonce',
        until: clock.now() + MINUTE,
        honoured: true,
        pending: true,
      },
    });
    const cookies = [present, before].map((secret) => cookieWith(token('s', secret)));
    expect((await request(cookies[1])).live).toMatchObject({ presentedHash: undefined, confirms: false });
    const presentedHash = hashSecret(present.repeat(43));
    for (const header of [cookies.join('; '), cookies.toReversed().join('; ')])
      expect((await request(header)).live).toMatchObject({ presentedHash, confirms: true });
  });

  it('none opens a session: the weightiest reason counts', async () => {
    const { engine, session, found, another } = several();
    for (const [low, high] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      expect(await found(FOREIGN, forged(low))).toBe('tampered');
      const replaced = await session(high);
      await another(replaced, (state) => engine.login(state, 'alice'));
      expect(await found(cookieWith(token(low)), replaced)).toBe('replaced');
    }
  });

  it('of two reasons that weigh the same the first by value counts', async () => {
    const { engine, session, request, another } = several();
    const cookies = [await session('a'), await session('b')];
    for (const cookie of cookies) await another(cookie, (state) => engine.regenerate(state));
    for (const header of [cookies.join('; '), cookies.toReversed().join('; ')])
      expect((await request(header)).former!.handle.record.id[0]).toBe('a');
  });

  it('a session that is over by time counts least, and ends if there is nothing else', async () => {
    const { session, found, request, clock, told } = several();
    const lastSeenAt = clock.now() - LIMITS.idle;
    const cookies = [await session('c', { lastSeenAt }), await session('d', { lastSeenAt })];
    for (const id of ['a', 'z']) expect(await found(cookies[0]!, cookieWith(token(id)))).toBe('unknown');
    expect(told()).toEqual([]);
    const state = await request(cookies.join('; '));
    expect([state.rejectReason, state.cookie]).toEqual([undefined, CookieAction.Expire]);
    expect(told()).toEqual(['ended idle']);
  });

  it('at most eight are looked up, each once, and the same ones in whatever order', async () => {
    const { session, found, request, store } = several();
    const cookies: string[] = [];
    for (const id of 'abcdefghi') cookies.push(await session(id));
    store.forget();
    expect(await found(...cookies)).toBe('h');
    expect(store.count('load')).toBe(16);
    store.forget();
    await request([cookies[0], cookies[0]].join('; '));
    expect(store.count('load')).toBe(1);
  });

  it('none is ours: they are looked at all the same', async () => {
    expect(await several().found(FOREIGN, 'session=x')).toBe('foreign');
  });
});
