import { UseGuards } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { LoginGuard, Public, type SessionModuleOptions } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import type { Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';
import { until } from '../../support/until.js';
import { closeClients } from './clients.js';
import { everywhere, startGateway } from './gateways.js';

afterEach(async () => {
  closeClients();
  await closeAll();
});

const LOGIN_REQUIRED = { status: 'error', message: 'Please log in.', code: 'ERR_LOGIN_REQUIRED' };

describe.each(everywhere)('a gateway by %s', (_, transport, platform) => {
  const run = (options: Partial<SessionModuleOptions> = {}) => startGateway(transport, platform, { options });

  it('has the session of the handshake for each message', async () => {
    const { app, client } = await run({ user: (subject) => ({ name: subject.toUpperCase() }) });
    const alice = await client({ cookie: await loginAs<Data>(app, 'alice', { data: { n: 1 } }) });
    expect(await alice.ask('look')).toMatchObject({ subject: 'alice', data: { n: 1 } });
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
    expect(await alice.ask('user')).toEqual({ user: { name: 'ALICE' } });
    const nobody = await client();
    expect(await nobody.ask('look')).toMatchObject({ subject: null });
    expect(await nobody.ask('who')).toEqual(LOGIN_REQUIRED);
    expect(await nobody.ask('user')).toEqual(LOGIN_REQUIRED);
  });

  it('closes the sockets of a session that ends, and no other', async () => {
    const { app, client, sessions, size } = await run();
    const cookie = await loginAs(app, 'alice');
    const [one, other] = [await client({ cookie }), await client({ cookie })];
    const bob = await client({ cookie: await loginAs(app, 'bob') });
    expect(size()).toEqual({ sessions: 2, attached: 3 });
    await sessions.revokeAll('alice');
    expect(await one.closed).toEqual({ code: 4401, reason: 'revoked' });
    expect(await other.closed).toEqual({ code: 4401, reason: 'revoked' });
    expect(await bob.ask('who')).toEqual({ subject: 'bob' });
    expect(size()).toEqual({ sessions: 1, attached: 1 });
  });

  it('closes them when the user logs out, over HTTP or by a message', async () => {
    const { app, client, url } = await run();
    const cookie = await loginAs(app, 'alice');
    const over = await client({ cookie });
    expect((await new Browser(url).post('/logout', {}, { cookie })).status).toBe(200);
    expect(await over.closed).toEqual({ code: 4401, reason: 'logout' });
    const again = await client({ cookie: await loginAs(app, 'alice') });
    void again.ask('logout');
    expect(await again.closed).toEqual({ code: 4401, reason: 'logout' });
  });

  it.each([
    ['idle', '30m', {}],
    ['lifetime', '1h', { lifetime: '1h', idle: '1h' }],
  ] as const)('closes them when the time of the session is over: %s', async (reason, time, options) => {
    const { app, client, clock } = await run(options);
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    clock.advance(time);
    expect(await alice.closed).toEqual({ code: 4401, reason });
  });

  it('counts a message as activity, unless it is passive or refused', async () => {
    const { app, client, clock } = await run();
    const [active, passive] = [await loginAs(app, 'alice'), await loginAs(app, 'bob')];
    const [alice, bob] = [await client({ cookie: active }), await client({ cookie: passive })];
    clock.advance('20m');
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
    expect(await bob.ask('poll')).toEqual({ ok: true });
    expect(await bob.ask('sensitive')).toMatchObject({ code: 'ERR_RELOGIN_REQUIRED' });
    clock.advance('10m');
    expect(await bob.closed).toEqual({ code: 4401, reason: 'idle' });
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
  });

  it('asks the store at most every so often, and handles no message with an older state', async () => {
    const store = new SpyStore();
    const { app, client, clock, url } = await run({ store, reloadEvery: '10s' });
    const cookie = await loginAs(app, 'alice');
    const alice = await client({ cookie });
    store.forget();
    for (let i = 0; i < 20; i++) await alice.ask('who');
    expect(store.calls).toEqual([]);
    await new Browser(url).post('/data', { n: 5 }, { cookie });
    expect(await alice.ask('look')).toMatchObject({ data: {} });
    clock.advance('10s');
    expect(await alice.ask('look')).toMatchObject({ data: { n: 5 } });
    store.forget();
    for (let i = 0; i < 20; i++) await alice.ask('who');
    expect(store.count('load')).toBe(0);
  });

  it('finds a session that ended without an event, within the interval', async () => {
    const store = new SpyStore();
    const { app, client, clock } = await run({ store });
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    await destroyAll(store);
    clock.advance('10s');
    expect(await alice.closed).toEqual({ code: 4401, reason: 'ended' });
  });

  it('asks for a fresh login, and sees one over HTTP', async () => {
    const { app, client, clock, url } = await run();
    const cookie = await loginAs(app, 'alice');
    const alice = await client({ cookie });
    expect(await alice.ask('sensitive')).toEqual({ ok: true });
    clock.advance('6m');
    expect(await alice.ask('sensitive')).toMatchObject({ code: 'ERR_RELOGIN_REQUIRED', maxAge: 300 });
    expect((await new Browser(url).post('/relogin', {}, { cookie })).status).toBe(200);
    expect(await alice.ask('sensitive')).toEqual({ ok: true });
    expect(await alice.ask('count')).toEqual({ n: 1 });
  });

  it('gives the fresh login to no socket of another client, which has to come again', async () => {
    const { app, client, clock, url } = await run();
    const cookie = await loginAs(app, 'alice');
    const other = await client({ cookie, 'user-agent': 'Copy/1' });
    clock.advance('6m');
    expect((await new Browser(url).post('/relogin', {}, { cookie })).status).toBe(200);
    void other.ask('sensitive');
    expect(await other.closed).toMatchObject(
      transport.name === 'ws' ? { code: 4205, reason: 'renewed' } : { code: 4205 },
    );
  });

  it('gives it to a socket that was suspicious, once its own client has logged in again', async () => {
    const { client, url } = await run({
      protection: (now, then) => (now.userAgent === then.userAgent ? 'ok' : 'relogin'),
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' }, { headers: { 'user-agent': 'Former/1' } });
    const alice = await client({ cookie: browser.cookie, 'user-agent': 'Updated/2' });
    expect(await alice.ask('sensitive')).toMatchObject({ code: 'ERR_RELOGIN_REQUIRED' });
    await browser.post('/relogin', {}, { headers: { 'user-agent': 'Updated/2' } });
    expect(await alice.ask('sensitive')).toEqual({ ok: true });
  });

  it('is no thief when the browser rotates its cookie', async () => {
    const { app, client, clock, url } = await run();
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const alice = await client({ cookie: browser.cookie });
    for (let i = 0; i < 3; i++) {
      clock.advance('16m');
      await browser.get('/look');
      await browser.get('/look');
      expect(await alice.ask('who')).toEqual({ subject: 'alice' });
    }
    expect((await browser.get('/me')).status).toBe(200);
    expect(app).toBeDefined();
  });

  it('stores what a handler changes, by update() and otherwise', async () => {
    const { app, client, sessions } = await run();
    const cookie = await loginAs(app, 'alice');
    const alice = await client({ cookie });
    expect(await alice.ask('set', { a: 1 })).toEqual({ ok: true });
    expect((await sessions.open({ cookie })).data).toEqual({ a: 1 });
    expect(await alice.ask('count')).toEqual({ n: 1 });
    expect(await alice.ask('count')).toEqual({ n: 2 });
    expect(await alice.ask('commit', { b: 2 })).toEqual({ state: 'clean' });
    expect((await sessions.open({ cookie })).data).toEqual({ a: 1, n: 2, b: 2 });
  });

  it('throws ERR_NO_RESPONSE for what needs a cookie, and tells no internals', async () => {
    const { app, client } = await run();
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    expect(await alice.ask('login')).toEqual({ code: 'ERR_NO_RESPONSE' });
    const failed = await alice.ask('set and fail');
    expect(failed).toMatchObject({ status: 'error', message: 'Internal server error' });
    expect(JSON.stringify(failed)).not.toContain('internals');
    // Nobody stores anything for somebody who is not known: the cookie would be new.
    const nobody = await client();
    expect(await nobody.ask('set', { a: 1 })).toEqual({ status: 'error', message: 'Internal server error' });
    expect(await nobody.ask('poll')).toEqual({ ok: true });
  });

  it.each([
    ['Origin', { origin: 'https://evil.example' }],
    ['Sec-Fetch-Site', { 'sec-fetch-site': 'cross-site' }],
  ])('refuses a handshake of another site, by %s', async (_name, foreign) => {
    const { app, connect, url, size } = await startGateway(transport, platform, {
      gateways: [closedTo(transport)],
    });
    const cookie = await loginAs(app, 'alice');
    const refused = await connect({ cookie, ...foreign });
    expect(refused).toEqual({
      refused: {
        message: 'Cross-site requests are not allowed here.',
        ...(transport.name === 'ws' ? { status: 403 } : { code: 'ERR_CROSS_ORIGIN' }),
      },
    });
    expect(size()).toEqual({ sessions: 0, attached: 0 });
    expect(await connect({ cookie, origin: url })).toHaveProperty('open', true);
  });

  it('takes the messages of another site where a handler allows it, and no others', async () => {
    const { app, client } = await run();
    const foreign = await client({ cookie: await loginAs(app, 'alice'), origin: 'https://evil.example' });
    expect(await foreign.ask('open')).toEqual({ ok: true });
    expect(await foreign.ask('who')).toMatchObject({ code: 'ERR_CROSS_ORIGIN' });
  });

  it('refuses the handshake of a client that is not logged in, where every handler needs a login', async () => {
    const { app, connect, size } = await startGateway(transport, platform, {
      gateways: [closedTo(transport)],
    });
    expect(await connect()).toEqual({
      refused: {
        message: 'Please log in.',
        ...(transport.name === 'ws' ? { status: 401 } : { code: 'ERR_LOGIN_REQUIRED' }),
      },
    });
    expect(await connect({ cookie: await loginAs(app, 'alice') })).toHaveProperty('open', true);
    expect(size()).toEqual({ sessions: 1, attached: 1 });
  });

  it('is guarded by a global LoginGuard, but for what is public', async () => {
    const { client } = await startGateway(transport, platform, {
      gateways: [publicOf(transport)],
      options: { guard: 'login' } as Partial<SessionModuleOptions>,
    });
    const nobody = await client();
    expect(await nobody.ask('open')).toEqual({ ok: true });
    expect(await nobody.ask('closed')).toEqual(LOGIN_REQUIRED);
  });

  it('lets no message pass while the store is down, and closes no socket', async () => {
    const store = new SpyStore();
    const { app, client, clock } = await run({ store });
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    store.fail('rejects');
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
    clock.advance('11s');
    expect(await alice.ask('who')).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    clock.advance('1h');
    expect(await alice.ask('poll')).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    expect(alice.open).toBe(true);
    store.heal();
    clock.advance('11s');
    expect(await alice.closed).toEqual({ code: 4401, reason: 'idle' });
  });

  it('refuses a handshake while the store is down', async () => {
    const store = new SpyStore();
    const { app, connect } = await run({ store });
    const cookie = await loginAs(app, 'alice');
    store.fail('rejects');
    expect(await connect({ cookie })).toMatchObject({
      refused: transport.name === 'ws' ? { status: 503 } : { code: 'ERR_STORE_UNAVAILABLE' },
    });
  });

  it('leaves nothing behind when sockets close by themselves', async () => {
    const { app, client, size } = await run();
    const cookie = await loginAs(app, 'alice');
    const all = await Promise.all(Array.from({ length: 5 }, () => client({ cookie })));
    expect(size()).toEqual({ sessions: 1, attached: 5 });
    for (const one of all) one.close();
    await until(() => size().attached === 0);
    expect(size()).toEqual({ sessions: 0, attached: 0 });
  });

  it('has no current session with the option "context" off, and the decorators all the same', async () => {
    const { app, client } = await run({ context: false });
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
    expect(await alice.ask('count')).toMatchObject({ message: 'Internal server error' });
  });

  it('logs no warning of messages without a session', async () => {
    const logs = new LogSink();
    const { app, client } = await startGateway(transport, platform, {
      options: { guard: 'login' } as Partial<SessionModuleOptions>,
      prepare: logs.attach,
    });
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    await alice.ask('who');
    expect(logs.text).not.toContain('does not guard');
  });
});

/** Every handler needs a login. */
function closedTo({ answer }: (typeof everywhere)[number][1]) {
  @WebSocketGateway()
  @UseGuards(LoginGuard)
  class Closed {
    @SubscribeMessage('who')
    who() {
      return answer({ ok: true });
    }
  }
  return Closed;
}

function publicOf({ answer }: (typeof everywhere)[number][1]) {
  @WebSocketGateway()
  class Mixed {
    @SubscribeMessage('open')
    @Public()
    open() {
      return answer({ ok: true });
    }

    @SubscribeMessage('closed')
    closed() {
      return answer({ ok: true });
    }
  }
  return Mixed;
}

async function destroyAll(store: SpyStore): Promise<void> {
  for (const { id } of await store.list('alice')) await store.destroy(id);
}
