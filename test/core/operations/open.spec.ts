import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { DevicePolicy } from '../../../lib/core/device/device-policy.js';
import { DeviceTokens } from '../../../lib/core/device/device-tokens.js';
import type { OpenedMessage } from '../../../lib/core/diagnostics/channels.js';
import { isSuspect } from '../../../lib/core/model/policy.js';
import { CookieAction } from '../../../lib/core/request/state.js';
import type { Client } from '../../../lib/core/storage/backend.js';
import { newId, newSecret, TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
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

  it.each([
    ['foreign', () => FOREIGN, CookieAction.Keep, []],
    ['tampered', forged, CookieAction.Keep, ['tampered']],
    ['unknown', unknown, CookieAction.Expire, []],
  ] as const)('with a cookie that is %s opens none', async (why, cookie, action, events) => {
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
    expect(emitted).toEqual([{ type: 'reused', id, at: clock.now() }]);
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

  it('says nothing where nobody listens', async () => {
    const { request } = node();
    unsubscribe('nest-sessions:opened', note);
    await request(unknown());
    expect(results).toEqual([]);
  });
});

describe('several cookies of the name', () => {
  const both = (...cookies: string[]): [string, string] => [cookies.join('; '), cookies.reverse().join('; ')];

  async function states(
    request: (header: string) => Promise<{ id: string; rejectReason?: unknown }>,
    ...cookies: string[]
  ) {
    const found = [];
    for (const header of both(...cookies)) found.push(await request(header));
    return found;
  }

  it('open the live session, in whatever order', async () => {
    const { request, loggedIn, store, forget } = node();
    const mine = await loggedIn();
    const { id } = await request(mine);
    for (const cookie of [FOREIGN, forged(), unknown()])
      for (const state of await states(request, cookie, mine)) expect(state.id).toBe(id);
    forget();
    // Only ours are looked up.
    await request([forged(), mine, FOREIGN].join('; '));
    expect(store.count('load')).toBe(1);
  });

  it('open the newer of two sessions', async () => {
    const { request, loggedIn, clock } = node();
    const older = await loggedIn();
    clock.advance(1);
    const newer = await loggedIn('bob');
    for (const state of await states(request, older, newer)) expect(state.handle!.record.subject).toBe('bob');
  });

  it('open the same of two sessions that began at once', async () => {
    const { request, loggedIn } = node();
    const cookies = [await loggedIn(), await loggedIn('bob'), await loggedIn('carol')];
    const highest = cookies
      .map((cookie) => tokenIn(cookie)[0]!)
      .sort()
      .at(-1);
    for (const state of await states(request, ...cookies)) expect(state.id).toBe(highest);
  });

  it('open the one that is not over by time', async () => {
    const { request, another, loggedIn, clock, store } = node();
    const mine = await loggedIn();
    const { id } = await request(mine);
    clock.advance(HOUR / 2);
    await another(mine, (state) => state.countActivity(true));
    const over = await loggedIn('bob');
    const kept = await store.load(tokenIn(over)[0]!);
    const load = store.load.bind(store);
    clock.advance(1);
    const found = (wanted: string) =>
      kept && 'record' in kept && wanted === kept.record.id
        ? { ...kept, record: { ...kept.record, lastSeenAt: clock.now() - LIMITS.idle } }
        : load(wanted);
    store.load = found;
    for (const state of await states(request, over, mine)) expect(state.id).toBe(id);
  });

  it('open a session by its present token rather than by the one before', async () => {
    const { request, another, loggedIn, clock, cookieOf } = node();
    const old = await loggedIn();
    clock.advance(HOUR / 2);
    const latest = cookieOf(await another(old, (state) => state.countActivity(true)));
    expect(latest).not.toBe(old);
    expect((await request(old)).cookie).toBe(CookieAction.Set);
    for (const state of await states(request, old, latest))
      expect([state.cookie, state.live!.confirms]).toEqual([CookieAction.Keep, true]);
  });

  it('are rejected for the weightiest reason, if none opens a session', async () => {
    const { engine, request, another, loggedIn, visitor } = node();
    const tampered = forged();
    for (const state of await states(request, FOREIGN, tampered)) expect(state.rejectReason).toBe('tampered');
    const none = unknown();
    const cookie = await visitor();
    await another(cookie, (state) => engine.login(state, 'alice'));
    for (const state of await states(request, none, cookie)) expect(state.rejectReason).toBe('replaced');
    const old = await loggedIn();
    await another(old, (state) => engine.relogin(state));
    for (const state of await states(request, none, old)) expect(state.rejectReason).toBe('superseded');
  });

  it('are rejected for anything rather than for a timeout, and for a timeout if that is all', async () => {
    const { request, loggedIn, clock, store } = node();
    const cookies = [await loggedIn(), await loggedIn()];
    const kept = new Map(store.records().map((record) => [record.id, record]));
    store.load = (id) => (kept.has(id) ? { record: kept.get(id)! } : undefined);
    clock.advance(LIMITS.idle);
    for (const state of await states(request, cookies[0]!, unknown()))
      expect(state.rejectReason).toBe('unknown');
    results = [];
    for (const state of await states(request, ...cookies))
      expect([state.rejectReason, state.cookie]).toEqual([undefined, CookieAction.Expire]);
    expect(results).toEqual(['idle', 'idle']);
  });

  it('are looked up once each, and at most eight', async () => {
    const { request, store } = node();
    const one = unknown();
    await request([one, one].join('; '));
    expect(store.count('load')).toBe(1);
    store.forget();
    await request(Array.from({ length: 9 }, unknown).join('; '));
    expect(store.count('load')).toBe(8);
  });

  it('are looked up whatever they are, if none is ours', async () => {
    const { request } = node();
    expect((await request([FOREIGN, 'session=x'].join('; '))).rejectReason).toBe('foreign');
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

  it.each([
    ['unknown', unknown, 10],
    ['tampered', forged, 10],
    ['foreign', () => FOREIGN, undefined],
  ] as const)('that are %s are told of: %#', async (_why, cookie, count) => {
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
