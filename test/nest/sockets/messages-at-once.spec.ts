import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Session, SessionService, type SessionModuleOptions } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import type { Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { gate, type Gate } from '../../support/gate.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';
import { until } from '../../support/until.js';
import { closeClients } from './clients.js';
import { everywhere, startGateway, transports, type Transport } from './gateways.js';

afterEach(async () => {
  closeClients();
  await closeAll();
});

/** Messages whose handlers wait. */
function gatewayOf({ answer }: Transport, hold: Gate) {
  @WebSocketGateway()
  class Gateway {
    constructor(private readonly sessions: SessionService<Data>) {}

    @SubscribeMessage('set')
    set(@Session() session: Session<Data>) {
      session.data['set'] = 1;
      return answer({ ok: true });
    }

    @SubscribeMessage('set slowly')
    async setSlowly(@Session() session: Session<Data>) {
      session.data['slowly'] = 1;
      await hold.pass();
      return answer({ ok: true });
    }

    @SubscribeMessage('set another')
    async setAnother(@Session() session: Session<Data>) {
      session.data['another'] = 1;
      await hold.pass();
      return answer({ ok: true });
    }

    @SubscribeMessage('count slowly')
    async countSlowly(@Session() session: Session<Data>) {
      await hold.pass();
      return this.count(session);
    }

    @SubscribeMessage('count')
    async count(@Session() session: Session<Data>) {
      const counted = session.update('n', (n) => Number(n ?? 0) + 1);
      return answer(await counted.catch(({ code }: { code: string }) => code));
    }

    @SubscribeMessage('reload slowly')
    async reload() {
      await hold.pass();
      await this.sessions.current.reload();
      return answer('ok');
    }
  }
  return Gateway;
}

describe.each(everywhere)('a message by %s', (_, transport, platform) => {
  const run = (hold: Gate) => startGateway(transport, platform, { gateways: [gatewayOf(transport, hold)] });

  it('that an HTTP re-login overtakes writes nothing, and closes no socket but its own', async () => {
    const hold = gate();
    const { client, clock, url } = await run(hold);
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const former = await client({ cookie: browser.cookie });
    const answer = former.ask('count slowly');
    await hold.reached;
    await browser.post('/relogin', {});
    const later = await client({ cookie: browser.cookie });
    hold.open();
    expect(await answer).toBe('ERR_LOGIN_REQUIRED');
    clock.advance('10s');
    expect(await former.closed).toMatchObject({ code: 4205 });
    expect(await later.ask('count')).toBe(1);
  });

  it('that reloads after the re-login of another client closes no socket but its own', async () => {
    const hold = gate();
    const { client, clock, url } = await run(hold);
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const copy = await client({ cookie: browser.cookie, 'user-agent': 'Copy/1' });
    void copy.ask('reload slowly');
    await hold.reached;
    await browser.post('/relogin', {});
    const later = await client({ cookie: browser.cookie });
    hold.open();
    clock.advance('10s');
    expect(await copy.closed).toMatchObject({ code: 4205 });
    expect(await later.ask('count')).toBe(1);
  });
});

describe.each(platforms)('messages of one socket at once on %s', (platform) => {
  const run = (hold: Gate, options: Partial<SessionModuleOptions>) =>
    startGateway(transports.ws, platform, { gateways: [gatewayOf(transports.ws, hold)], options });

  it.each([
    ['another writes as well', 'set another'],
    ['another finds that out', 'count slowly'],
  ])('are told all that a re-login overtakes what they wrote, where %s', async (_, other) => {
    const hold = gate();
    let held = 0;
    const both: Gate = { ...hold, pass: () => (held++, hold.pass()) };
    const { client, url, sessions } = await startGateway(transports.io, platform, {
      gateways: [gatewayOf(transports.io, both)],
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const socket = await client({ cookie: browser.cookie });
    const answers = ['set slowly', other].map((message) => socket.ask(message));
    await until(() => held === 2);
    await browser.post('/relogin', {});
    hold.open();
    const [first, second] = await Promise.all(answers);
    expect((await sessions.open({ cookie: browser.cookie })).data).toEqual({});
    expect(first).toMatchObject({ code: 'ERR_LOGIN_REQUIRED' });
    expect(second).toEqual(first);
  });

  it('are told all if one could not be stored, because the changes of all are lost', async () => {
    const [hold, store] = [gate(), new SpyStore()];
    const { app, client, sessions } = await run(hold, { store });
    const cookie = await loginAs<Data>(app, 'alice');
    const alice = await client({ cookie });
    // The client takes the answers in the order in which they come, whichever message each belongs to.
    const first = alice.ask('set slowly');
    await hold.reached;
    store.fail('rejects', 'commit');
    const second = alice.ask('set');
    expect(await first).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    store.heal();
    hold.open();
    expect(await second).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    expect((await sessions.open({ cookie })).data).toEqual({});
    expect(await alice.ask('set')).toEqual({ ok: true });
    expect((await sessions.open({ cookie })).data).toEqual({ set: 1 });
  });
});
