import type { TakenOver } from '../../../lib/core/migration/taken-over.js';
import { CookieAction } from '../../../lib/core/request/state.js';
import { before, coded, MINUTE, node } from './node.js';

/** The session of another library, whose end this one notes. */
const takenOver = (ends: string[]) => ({ end: async () => void ends.push('old') }) as unknown as TakenOver;

describe('the end of the session of a request', () => {
  it.each([
    ['logout', CookieAction.Forget],
    ['cleared', CookieAction.Expire],
  ] as const)('by %s is told, and takes the cookie away', async (reason, cookie) => {
    const { engine, request, loggedIn, told, forget } = node();
    const mine = await loggedIn();
    const state = await request(mine);
    forget();
    await engine.end(state, reason);
    expect(told()).toEqual([`ended ${reason}`]);
    expect([state.state.kind, state.cookie]).toEqual(['ended', cookie]);
    expect((await request(mine)).rejectReason).toBe('unknown');
  });

  it('does nothing without a session', async () => {
    const { engine, request, told, store } = node();
    const state = await request();
    await engine.end(state, 'logout', true);
    expect(told()).toEqual([]);
    expect(store.calls).toEqual([]);
    expect([state.state.kind, state.cookie]).toEqual(['ended', CookieAction.Keep]);
  });

  it('takes place once', async () => {
    const { engine, request, loggedIn, told, forget, store } = node();
    const state = await request(await loggedIn());
    await engine.end(state, 'logout');
    forget();
    await engine.end(state, 'cleared', true);
    expect(store.calls).toEqual([]);
    expect(told()).toEqual([]);
    expect(state.cookie).toBe(CookieAction.Forget);
  });

  it('everywhere ends the others first, and each once', async () => {
    const { engine, request, loggedIn, forget, emitted, store, clock } = node();
    const mine = await loggedIn();
    const others = [await loggedIn(), await loggedIn('bob')];
    clock.advance(MINUTE);
    const state = await request(mine);
    const [other, bob] = await Promise.all(others.map(async (cookie) => request(cookie)));
    forget();
    await engine.end(state, 'logout', true);
    expect(emitted).toMatchObject([
      { type: 'ended', reason: 'logout', id: other!.id, subject: 'alice' },
      { type: 'ended', reason: 'logout', id: state.id, subject: 'alice' },
    ]);
    expect(store.calls.filter(({ question }) => question === 'destroy').map(({ args }) => args[0])).toEqual([
      other!.id,
      state.id,
    ]);
    expect(state.cookie).toBe(CookieAction.Forget);
    expect(store.records().map(({ id }) => id)).toEqual([bob!.id]);
  });

  it('without "everywhere" leaves the others alone', async () => {
    const { engine, request, loggedIn, store } = node();
    const [mine] = [await loggedIn(), await loggedIn()];
    await engine.end(await request(mine), 'logout');
    expect(store.size).toBe(1);
    expect(store.count('markRevoked')).toBe(0);
  });

  it("everywhere ends a visitor's own session, who has no others", async () => {
    const { engine, request, visitor, told, store, forget } = node();
    const state = await request(await visitor());
    forget();
    await engine.end(state, 'logout', true);
    expect(told()).toEqual(['ended logout']);
    expect(store.writes).toEqual(['destroy']);
  });

  it('leaves the client its cookie while the others cannot be ended, and is made up for later', async () => {
    const { engine, request, loggedIn, store, told, forget } = node();
    const [mine] = [await loggedIn(), await loggedIn()];
    const state = await request(mine);
    store.fail('rejects', 'markRevoked');
    await expect(engine.end(state, 'logout', true)).rejects.toThrow(coded('ERR_STORE_UNAVAILABLE'));
    expect([state.state.kind, state.cookie]).toEqual(['ending', CookieAction.Keep]);
    expect(store.size).toBe(2);

    store.heal();
    forget();
    await engine.commit(state, true);
    expect(told()).toEqual(['ended logout', 'ended logout']);
    expect([state.state.kind, state.cookie]).toEqual(['ended', CookieAction.Forget]);
    expect(store.size).toBe(0);
  });

  it('takes the cookie away if the others can never be ended', async () => {
    const { engine, request, loggedIn } = node({}, 'sealed without revocations');
    const state = await request(await loggedIn());
    await expect(engine.end(state, 'logout', true)).rejects.toThrow(coded('ERR_REVOCATION_UNAVAILABLE'));
    expect([state.state.kind, state.cookie]).toEqual(['ending', CookieAction.Forget]);
  });

  it('takes the cookie away even if the store fails, and is made up for later', async () => {
    const { engine, request, loggedIn, store, told, forget } = node();
    const state = await request(await loggedIn());
    store.fail('rejects', 'destroy');
    await expect(engine.end(state, 'logout')).rejects.toThrow(coded('ERR_STORE_UNAVAILABLE'));
    expect([state.state.kind, state.cookie]).toEqual(['ending', CookieAction.Forget]);
    store.heal();
    forget();
    await engine.end(state, 'cleared');
    expect(told()).toEqual(['ended cleared']);
  });

  it('ends the session of another library that this one took over', async () => {
    const { engine, request, loggedIn } = node();
    const state = await request(await loggedIn());
    const ends: string[] = [];
    state.takenOver = takenOver(ends);
    await engine.end(state, 'logout');
    expect(ends).toEqual(['old']);
  });
});

describe('a token that was replaced', () => {
  it('ends its session, and those of its user, during its grace', async () => {
    const { engine, request, another, loggedIn, told, forget, store, clock } = node();
    const [old] = [await loggedIn(), await loggedIn()];
    clock.advance(MINUTE);
    await another(old, (state) => engine.relogin(state));
    const state = await request(old);
    expect([state.rejectReason, state.state.kind]).toEqual(['superseded', 'anonymous']);
    forget();
    await engine.end(state, 'logout', true);
    expect(told()).toEqual(['ended logout', 'ended logout']);
    expect(store.writes).toEqual(['markRevoked', 'destroy', 'destroy']);
    expect(store.size).toBe(0);
  });

  it.each([
    [true, 'ERR_SESSION_ENDED'],
    [false, undefined],
  ])(
    'ends only its session, if its own request learned of that; everywhere: %s, error: %s',
    async (everywhere, code) => {
      const { engine, request, another, loggedIn, told, forget, store } = node();
      const [mine] = [await loggedIn(), await loggedIn()];
      const state = await request(mine);
      await another(mine, (one) => engine.relogin(one));
      await expect(engine.reload(state)).rejects.toThrow(coded('ERR_SESSION_ENDED'));
      expect([state.state.kind, state.cookie]).toEqual(['ended', CookieAction.Keep]);
      forget();
      const error = await engine.end(state, 'logout', everywhere).catch((reason: unknown) => reason);
      expect((error as { code: string } | undefined)?.code).toBe(code);
      expect(told()).toEqual(['ended logout']);
      expect([state.state.kind, state.cookie]).toEqual(['ended', CookieAction.Forget]);
      expect(store.size).toBe(1);
    },
  );

  it('and a session that began beside it end together, in one logout', async () => {
    const { engine, request, another, loggedIn, told, forget, store, clock } = node();
    const old = await loggedIn();
    await another(old, (state) => engine.regenerate(state));
    clock.advance(MINUTE);
    const former = await request(old);
    forget();
    former.bag.proxy['cart'] = 1;
    await engine.commit(former, true);
    expect(told()).toEqual(['created']);
    await engine.end(former, 'cleared', true);
    expect(told()).toEqual(['ended cleared', 'ended cleared']);
    expect(store.size).toBe(0);
  });
});

describe('a logout that is under way', () => {
  it('tells of a session that somebody else has ended nothing', async () => {
    const { engine, request, loggedIn, told, forget, store } = node();
    const mine = await loggedIn();
    const state = await request(mine);
    before(store, 'destroy', async () => engine.end(await request(mine), 'cleared'));
    forget();
    await engine.end(state, 'logout');
    expect(told()).toEqual(['ended cleared']);
    expect(state.state.kind).toBe('ended');
  });
});
