import { Presences, type Look } from '../../../lib/core/operations/presence.js';
import type { RequestState } from '../../../lib/core/request/request-state.js';
import { SessionError } from '../../../lib/core/util/errors.js';
import { LIMITS, switching } from './switching.js';

const IP = '192.0.2.1';
const GOES_ON: Look = { over: false, renewed: false };
const over = (reason: string | undefined) => ({ over: true, reason });

/** Something that is open to a session of alice, and what other requests of her client do. */
async function connected(ip: string | undefined = IP, config = {}) {
  const node = switching([], config);
  const { engine, visit, cookieOf, context } = node;
  const login = await visit({}, { ip: ip });
  await engine.login(login, 'alice');
  await engine.commit(login, true);
  const cookie = cookieOf(login);
  const state = await visit({}, { cookie, ip: ip });
  node.told();
  const presences = new Presences(context);
  return {
    ...node,
    cookie,
    state,
    look: () => presences.look(state),
    /** Another request of the same browser, which may be at another address. */
    async request(work: (other: RequestState) => Promise<unknown>, from: string | undefined = ip) {
      const other = await visit({}, { cookie, ip: from });
      await work(other);
      await engine.commit(other, true);
      return other;
    },
  };
}

describe('a look at the session of something that is open', () => {
  it('brings what other requests have written', async () => {
    const { look, request, engine, state } = await connected();
    await request((other) => engine.update(other, 'cart', () => 1));
    expect(await look()).toEqual(GOES_ON);
    expect(state.bag.proxy['cart']).toBe(1);
  });

  it('follows a re-login by the same client, and tells it once', async () => {
    const { look, request, engine, state } = await connected();
    const other = await request((one) => engine.relogin(one));
    const { secretHash } = other.live!.handle.record;
    expect(state.live!.handle.record.secretHash).not.toBe(secretHash);
    expect(await look()).toEqual({ over: false, renewed: true });
    expect(state.live!.handle.record.secretHash).toBe(secretHash);
    expect(await look()).toEqual(GOES_ON);
  });

  it.each([
    ['does not trust it again by itself', false],
    ['trusts it again after its re-login', true],
  ])('of a client that protection distrusts %s', async (_, relogs) => {
    const { look, request, engine, state } = await connected(IP, { protect: () => 'relogin' });
    expect(state.live!.suspicious).toBe(true);
    if (relogs) await request((other) => engine.relogin(other));
    expect(await look()).toEqual({ over: false, renewed: relogs });
    expect(state.live!.suspicious).toBe(!relogs);
  });

  it.each<[string, string | undefined, string | undefined]>([
    ['at another address', IP, '192.0.2.2'],
    ['at an unknown address', IP, ''],
    ['while no address is known', '', ''],
  ])('is over after a re-login %s, which may be of another client', async (_, own, other) => {
    const { look, request, engine, state } = await connected(own);
    await request((one) => engine.relogin(one), other);
    expect(await look()).toEqual(over('renewed'));
    expect(state.live).toBeUndefined();
  });

  it('is over after a re-login by another browser at the same address', async () => {
    const { look, request, engine, state } = await connected();
    Object.assign(state.client, { userAgent: 'another browser' });
    await request((one) => engine.relogin(one));
    expect(await look()).toEqual(over('renewed'));
  });

  it('is over after a logout elsewhere', async () => {
    const { look, request, state } = await connected();
    await request((other) => Promise.resolve(other.intendLogout({ everywhere: false })));
    expect(await look()).toEqual(over(undefined));
    expect(state.live).toBeUndefined();
    expect(await look()).toEqual(over(undefined));
  });

  it('ends a session that was idle for too long', async () => {
    const { look, backend, state, clock, told, store } = await connected();
    const present = await backend.present(state.live!.handle as never);
    clock.advance(LIMITS.idle - 1);
    expect(await look()).toEqual(GOES_ON);
    clock.advance(1);
    backend.present = () => Promise.resolve({ ...present, now: clock.now() } as never);
    expect(await look()).toEqual(over('idle'));
    expect(told()).toEqual(['ended idle']);
    expect(store.load(state.id)).toBeUndefined();
  });

  it('is over where the record cannot be read', async () => {
    const { look, backend } = await connected();
    backend.present = () => Promise.reject(new SessionError('ERR_RECORD_CORRUPT', 'corrupt'));
    expect(await look()).toEqual(over('corrupt'));
  });

  it.each([
    ['a store that fails', new SessionError('ERR_STORE_UNAVAILABLE', 'down')],
    ['any other error', Object.assign(new Error('another'), { code: 'ERR_RECORD_CORRUPT' })],
  ])('changes nothing at %s', async (_, error) => {
    const { look, backend, state } = await connected();
    const { handle } = state;
    backend.present = () => Promise.reject(error);
    await expect(look()).rejects.toBe(error);
    expect(state.live!.handle).toBe(handle);
  });

  it('leaves what was written meanwhile', async () => {
    const { look, backend, state, engine } = await connected();
    const real = backend.present.bind(backend);
    backend.present = async (handle) => {
      const before = await real(handle);
      await engine.update(state, 'cart', () => 1);
      return before;
    };
    expect(await look()).toEqual(GOES_ON);
    expect(state.bag.proxy['cart']).toBe(1);
  });

  it('is over where a call of this connection has found meanwhile that its token was replaced', async () => {
    const { look, backend, state } = await connected();
    const real = backend.present.bind(backend);
    backend.present = async (handle) => {
      const before = await real(handle);
      state.gone();
      return before;
    };
    expect(await look()).toEqual(over('renewed'));
  });
});

describe('a look at the session of a visitor', () => {
  it('is over where there is none', async () => {
    const { visit, context } = switching([]);
    expect(await new Presences(context).look(await visit({}))).toEqual(over(undefined));
  });

  it('is over after a regenerate elsewhere, as it is not known by whom', async () => {
    const { visit, context, engine, cookieOf } = switching([]);
    const first = await visit({});
    first.bag.proxy['cart'] = 1;
    await engine.commit(first, true);
    const cookie = cookieOf(first);
    const state = await visit({}, { cookie });
    await engine.regenerate(await visit({}, { cookie }));
    expect(await new Presences(context).look(state)).toEqual(over('renewed'));
  });
});

describe('a look at a session whose token was replaced', () => {
  async function replaced() {
    const node = await connected();
    const { request, engine, visit, cookie } = node;
    const other = await request((one) => engine.relogin(one));
    const state = await visit({}, { cookie });
    expect(state.former).toBeDefined();
    return { ...node, other, late: () => new Presences(node.context).look(state) };
  }

  it('says that it goes on without this connection', async () => {
    const { late } = await replaced();
    expect(await late()).toEqual(over('renewed'));
  });

  it('says why it has ended', async () => {
    const { late, backend } = await replaced();
    backend.present = () => Promise.resolve({ kind: 'over', reason: 'replaced' });
    expect(await late()).toEqual(over('replaced'));
  });
});

describe('a look at a session whose client has to prove its device', () => {
  it.each([
    [-1, over('renewed')],
    [0, over('renewed')],
    [1, GOES_ON],
    [NaN, over('renewed')],
  ])('with %s ms left', async (left, expected) => {
    const { look, clock, state } = await connected(IP, {
      device: {
        accessUntil: () => clock.now() + left,
        standingOf: () => ({ kind: 'unbound' }),
        standingOfUnbound: () => ({ kind: 'unbound' }),
      },
    });
    expect(await look()).toEqual(expected);
    expect(state.live === undefined).toBe(expected !== GOES_ON);
  });
});
