import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { DevicePolicy } from '../../../lib/core/device/device-policy.js';
import { DeviceTokens } from '../../../lib/core/device/device-tokens.js';
import type { OpenedMessage } from '../../../lib/core/diagnostics/channels.js';
import type { DataHooks } from '../../../lib/core/model/data.js';
import { DEVICE_KEY } from '../../../lib/core/model/record.js';
import { Opening } from '../../../lib/core/operations/open.js';
import { isSuspect } from '../../../lib/core/model/policy.js';
import { CookieAction } from '../../../lib/core/request/state.js';
import type { Client } from '../../../lib/core/storage/backend.js';
import { hashSecret, newId, newSecret, TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { SessionError } from '../../../lib/core/util/errors.js';
import { coded, cookieWith, GRACE, HOUR, LIMITS, MINUTE, node, tokenIn } from './node.js';

const OTHER = 'another secret, which is long enough for a key';
const forged = (): string => cookieWith(`${newId()}.${newSecret()}`, OTHER);
const unknown = (): string => cookieWith(`${newId()}.${newSecret()}`);
const FOREIGN = 'session=of-another-application';

let results: OpenedMessage['result'][];
const note = (message: unknown) => void results.push((message as OpenedMessage).result);
beforeEach(() => {
  results = [];
  subscribe('nest-sessions:opened', note);
});
afterEach(() => unsubscribe('nest-sessions:opened', note));

describe('a request', () => {
  it.each([undefined, '', 'other=1'])('without the cookie (%j) is one of nobody', async (header) => {
    const { request, store } = node();
    const state = await request(header);
    expect([state.state.kind, state.cookie, state.accessed]).toEqual(['anonymous', CookieAction.Keep, false]);
    expect([results, store.calls]).toEqual([[], []]);
  });

  it('with the cookie of a live session opens it', async () => {
    const { request, loggedIn, clock, emitted, forget } = node();
    const cookie = await loggedIn('alice', { cart: 1 });
    forget();
    clock.advance(MINUTE);
    const state = await request(cookie);
    expect(state.handle!.record).toMatchObject({ subject: 'alice', data: { cart: '1' } });
    expect([state.cookie, state.provesDevice, results, emitted]).toEqual([
      CookieAction.Keep,
      false,
      ['live'],
      [],
    ]);
  });

  it.each<[string, () => string, CookieAction, string[]]>([
    ['foreign', () => FOREIGN, CookieAction.Keep, []],
    ['tampered', forged, CookieAction.Keep, ['tampered']],
    ['unknown', unknown, CookieAction.Expire, []],
  ])('with a cookie that is %s opens none', async (why, cookie, action, events) => {
    const { request, told } = node();
    const state = await request(cookie());
    expect([state.rejectReason, state.state.kind, state.cookie]).toEqual([why, 'anonymous', action]);
    // No cache may keep a response that depends on the cookie.
    expect(state.accessed).toBe(true);
    expect([told(), results]).toEqual([events, [why]]);
  });

  it('with a forged cookie is told with neither session nor user', async () => {
    const { request, emitted, clock } = node();
    await request(forged());
    expect(emitted).toEqual([{ type: 'tampered', id: '', at: clock.now() }]);
  });

  it.each([
    ['idle', LIMITS.idle],
    ['lifetime', LIMITS.lifetime],
  ])('after the %s timeout ends the session', async (reason, after) => {
    const { request, loggedIn, clock, store, emitted, forget } = node();
    const cookie = await loggedIn();
    const { id } = await request(cookie);
    const records = store.load.bind(store);
    const kept = await records(id);
    store.load = () => kept;
    forget();
    results = [];
    clock.advance(after - 1);
    if (reason === 'idle') expect((await request(cookie)).id).toBe(id);
    results = [];
    clock.advance(1);
    // The store has not deleted it yet.
    store.destroy = () => (kept && 'record' in kept ? kept.record : undefined);
    const state = await request(cookie);
    expect([state.state.kind, state.cookie]).toEqual(['anonymous', CookieAction.Expire]);
    expect(emitted).toEqual([{ type: 'ended', id, at: clock.now(), reason, subject: 'alice' }]);
    expect(results).toEqual([reason]);
  });

  it('with a copy of a cookie that was replaced ends the session, whoever holds the present one', async () => {
    const { engine, request, another, loggedIn, clock, emitted, forget, cookieOf, store } = node();
    const old = await loggedIn();
    const latest = cookieOf(await another(old, (state) => engine.relogin(state)));
    const { id } = await another(latest, () => undefined);
    clock.advance(GRACE);
    forget();
    results = [];
    const state = await request(old);
    expect([state.rejectReason, state.cookie, state.former]).toEqual([
      'reused',
      CookieAction.Expire,
      expect.anything(),
    ]);
    const event = { id, at: clock.now(), subject: 'alice' };
    expect(emitted).toEqual([
      { ...event, type: 'reused' },
      { ...event, type: 'ended', reason: 'reused' },
    ]);
    expect(results).toEqual(['reused']);
    expect(store.records()).toEqual([]);

    store.load = () => undefined;
    expect((await request(latest)).rejectReason).toBe('unknown');
  });

  it('with such a copy tells of a session that has just ended only that, and of no user', async () => {
    const { engine, request, another, loggedIn, clock, emitted, forget, cookieOf, backend } = node();
    const old = await loggedIn();
    const latest = cookieOf(await another(old, (state) => engine.relogin(state)));
    const { id } = await another(latest, () => undefined);
    clock.advance(GRACE);
    forget();
    backend.destroy = () => Promise.resolve(undefined);
    await request(old);
    expect(emitted).toStrictEqual([{ type: 'reused', id, at: clock.now() }]);
  });

  it('of a session that cannot be read ends it', async () => {
    const { request, loggedIn, store, told, forget } = node();
    const cookie = await loggedIn();
    forget();
    store.load = () => {
      throw new SessionError('ERR_RECORD_CORRUPT', 'unreadable');
    };
    const state = await request(cookie);
    expect([state.rejectReason, state.cookie]).toEqual(['corrupt', CookieAction.Expire]);
    expect(told()).toEqual(['ended corrupt']);
  });

  it('that is refused is neither anonymous nor logged in, and keeps its cookie', () => {
    const { engine } = node();
    const refusal = new Error('no');
    const state = engine.refuse({ ip: '192.0.2.1' }, refusal);
    expect([state.state.kind, state.refusal, state.cookie]).toEqual([
      'unavailable',
      refusal,
      CookieAction.Keep,
    ]);
    expect(state.client).toEqual({ ip: '192.0.2.1' });
    expect(results).toEqual(['unavailable']);
  });

  it('is opened at once, if the store responds at once', async () => {
    const { engine, loggedIn } = node();
    const cookie = await loggedIn();
    expect(engine.open(cookie, {})).not.toBeInstanceOf(Promise);
    expect(engine.open(undefined, {})).not.toBeInstanceOf(Promise);
  });

  it('says nothing where nobody listens', async () => {
    const { request } = node();
    unsubscribe('nest-sessions:opened', note);
    await request(unknown());
    expect(results).toEqual([]);
  });
});

describe('bad tokens of one address', () => {
  const of = async (
    request: ReturnType<typeof node>['request'],
    count: number,
    cookie: () => string,
    client: Client,
  ) => {
    for (let i = 0; i < count; i++) await request(cookie(), client);
  };

  it.each<[string, () => string, number | undefined]>([
    ['unknown', unknown, 10],
    ['tampered', forged, 10],
    ['foreign', () => FOREIGN, undefined],
  ])('that are %s are told of: %#', async (_why, cookie, count) => {
    const { request, emitted, clock } = node();
    const guesses = () => emitted.filter(({ type }) => type === 'guessing');
    await of(request, 9, cookie, { ip: '192.0.2.1' });
    await of(request, 9, cookie, { ip: '192.0.2.2' });
    await of(request, 10, cookie, {});
    expect(guesses()).toEqual([]);
    await of(request, 1, cookie, { ip: '192.0.2.1' });
    expect(guesses()).toEqual(
      count ? [{ type: 'guessing', id: '', at: clock.now(), ip: '192.0.2.1', count }] : [],
    );
  });
});

describe('the protection of a session', () => {
  const THERE = { ip: '192.0.2.1', userAgent: 'a browser' };
  const HERE = { ip: '192.0.2.2', userAgent: 'another browser' };

  async function seen(verdict: 'ok' | 'relogin' | 'end', protects = true) {
    const asked: unknown[] = [];
    const protect = (...devices: unknown[]) => (asked.push(devices), verdict);
    const nodes = node(protects ? { protect } : {});
    const state = await nodes.request(undefined, THERE);
    await nodes.engine.login(state, 'alice');
    const cookie = nodes.cookieOf(state);
    nodes.forget();
    return { ...nodes, cookie, asked, state: await nodes.request(cookie, HERE) };
  }

  it.each([
    ['ok', true, [[HERE, THERE]]],
    ['end', false, []],
  ] as const)('lets it go on: %s, %s', async (verdict, protects, expected) => {
    const { state, asked, emitted } = await seen(verdict, protects);
    expect([state.live!.suspicious, state.live!.marks]).toEqual([false, false]);
    expect([asked, emitted, results]).toEqual([expected, [], ['live']]);
  });

  it('ends it', async () => {
    const { state, emitted, clock, store } = await seen('end');
    expect([state.state.kind, state.cookie]).toEqual(['anonymous', CookieAction.Expire]);
    const event = { id: expect.any(String) as string, at: clock.now(), subject: 'alice' };
    expect(emitted).toEqual([
      { ...event, type: 'suspicious', verdict: 'end' },
      { ...event, type: 'ended', reason: 'protection' },
    ]);
    expect(results).toEqual(['protection']);
    expect(store.records()).toEqual([]);
  });

  it('marks it once, and lets no login count as fresh', async () => {
    const { engine, request, cookie, state, told, store } = await seen('relogin');
    expect([state.live!.suspicious, state.live!.marks]).toEqual([true, true]);
    expect([told(), results]).toEqual([['suspicious'], ['live']]);
    await engine.commit(state, true);
    expect(isSuspect(store.records()[0]!.factors)).toBe(true);
    const next = await request(cookie, HERE);
    expect([next.live!.suspicious, next.live!.marks]).toEqual([true, false]);
  });

  it('has nothing to compare with in a session without a device', async () => {
    const { request, loggedIn, store } = node({ protect: () => 'end' });
    const cookie = await loggedIn();
    store.tamper = ({ device: _device, ...record }) => record;
    expect((await request(cookie)).live).toBeDefined();
  });
});

describe('a session that has to be bound to a device', () => {
  const policy = (required: boolean) =>
    new DevicePolicy({
      tokens: new DeviceTokens(new Signer([OTHER], 'session', TOKEN_LENGTH).derived('device')),
      cookie: { name: 'bound', path: '/', sameSite: 'lax', secure: true, partitioned: false },
      lifetime: HOUR,
      grace: GRACE,
      required,
      algorithms: ['ES256'],
    });
  const clientThat = (headers: Record<string, string>): Client => ({
    request: { headers } as unknown as IncomingMessage,
  });

  async function late(over: object, required = true) {
    const nodes = node({ device: policy(required) });
    const cookie = await nodes.loggedIn();
    nodes.clock.advance(GRACE);
    nodes.forget();
    return { ...nodes, cookie, state: await nodes.request(cookie, clientThat({ cookie, ...over })) };
  }

  it('is refused without it, and stays', async () => {
    const { state, engine, emitted, clock, cookie, store } = await late({});
    const [id] = tokenIn(cookie);
    expect([state.rejectReason, state.cookie, state.superseded]).toEqual([
      'unbound',
      CookieAction.Keep,
      false,
    ]);
    expect(emitted).toEqual([{ type: 'refused', id, at: clock.now(), subject: 'alice', reason: 'unbound' }]);
    expect(results).toEqual(['unbound']);
    expect(store.records()).toHaveLength(1);
    // Nothing but its end can be asked for.
    await expect(engine.end(state, 'logout', true)).rejects.toThrow(coded('ERR_SESSION_ENDED'));
    expect(store.records()).toEqual([]);
  });

  it('is awaited by a browser that says it will come back, so no other takes its place', async () => {
    const { engine, state, emitted, clock, cookie } = await late({ 'secure-session-skipped': 'unreachable' });
    const event = { id: tokenIn(cookie)[0], at: clock.now(), subject: 'alice' };
    expect(emitted).toEqual([
      { ...event, type: 'skipped', reason: 'unreachable' },
      { ...event, type: 'refused', reason: 'unbound' },
    ]);
    expect(state.superseded).toBe(true);
    state.bag.proxy['cart'] = 1;
    await expect((async () => engine.commit(state, true))()).rejects.toThrow(coded('ERR_SESSION_ENDED'));
  });

  describe('and is', () => {
    const ID = 'A'.repeat(22);
    const THUMBPRINT = 'B'.repeat(43);
    const MINE = cookieWith(`${ID}.${'x'.repeat(43)}`);
    const tokens = new DeviceTokens(new Signer([OTHER], 'session', TOKEN_LENGTH).derived('device'));

    /** A session of a visitor that was bound so long ago. */
    async function bound(ago: number) {
      const nodes = node({ device: policy(false) });
      const now = nodes.clock.now();
      await nodes.store.create(
        {
          id: ID,
          secretHash: hashSecret('x'.repeat(43)),
          revision: 0,
          factors: {},
          createdAt: now,
          startedAt: now,
          lastSeenAt: now,
          rotatedAt: now,
          remember: false,
          data: {},
          extra: { [DEVICE_KEY]: JSON.stringify(['ES256', THUMBPRINT, now - ago, 'x', 'y', 'nonce']) },
        },
        HOUR,
      );
      const until = now + MINUTE;
      return { ...nodes, now, until, cookies: `${MINE}; bound=${tokens.bound(ID, THUMBPRINT, until)}` };
    }

    it('opens with the bound cookie, and counts as proved until that is over', async () => {
      const { request, cookies, until } = await bound(HOUR);
      const state = await request(cookies);
      expect([state.live?.kind, state.provedUntil, state.provesDevice]).toEqual(['live', until, true]);
    });

    it('opens without it for a moment after it was bound, and counts as not proved', async () => {
      const { request } = await bound(0);
      const state = await request(MINE);
      expect([state.live?.kind, state.provedUntil]).toEqual(['live', undefined]);
    });

    it('is refused without it, as is told with no user', async () => {
      const { request, emitted, now } = await bound(HOUR);
      const state = await request(MINE);
      expect([state.rejectReason, state.former?.everywhere]).toEqual(['unproved', false]);
      expect(emitted).toStrictEqual([{ type: 'refused', id: ID, at: now, reason: 'no-cookie' }]);
      expect(results).toEqual(['unproved']);
    });

    it('opens, where it is admitted by what is stored, by the cookies of its request alone', async () => {
      const { context, backend, cookies, until } = await bound(HOUR);
      const opening = new Opening(context, () => ({}) as DataHooks);
      const opened = await backend.open(decodeURIComponent(MINE.slice('session='.length)), {});
      const by = async (client: Client) => opening.admit(opened, client);
      expect((await by(clientThat({ cookie: cookies }))).provedUntil).toBe(until);
      expect((await by(clientThat({}))).rejectReason).toBe('unproved');
      expect((await by({})).rejectReason).toBe('unproved');
    });
  });

  it('opens for a moment after the login, where it need not be, and for the device itself', async () => {
    const { request, loggedIn, engine, clock } = node({ device: policy(true) });
    const cookie = await loggedIn();
    expect((await request(cookie)).live).toBeDefined();
    clock.advance(GRACE);
    expect((await request(cookie)).live).toBeUndefined();
    expect((await engine.open(cookie, {}, false)).live).toBeDefined();
    expect((await late({}, false)).state.live).toBeDefined();
  });
});
