import { loginAs } from 'nest-sessions/testing';
import { SealedCookie } from 'nest-sessions/sealed';
import type { SessionEngine } from '../../../lib/core/engine.js';
import { SESSION_ENGINE } from '../../../lib/nest/options/tokens.js';
import { Browser } from '../../support/browser.js';
import { gate } from '../../support/gate.js';
import { closeAll } from '../../support/platforms.js';
import { until } from '../../support/until.js';
import { closeClients } from './clients.js';
import { everywhere, startGateway } from './gateways.js';

afterEach(async () => {
  closeClients();
  await closeAll();
});

describe.each(everywhere)('a gateway over sealed cookies by %s', (_, transport, platform) => {
  const run = (sealed: ConstructorParameters<typeof SealedCookie>[0] = {}) =>
    startGateway(transport, platform, { options: { store: new SealedCookie(sealed) } });

  it('closes the sockets of a session that is revoked or logged out', async () => {
    const { app, client, sessions, url } = await run();
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
    const cookie = await loginAs(app, 'bob');
    const bob = await client({ cookie });
    await sessions.revokeAll('alice');
    expect(await alice.closed).toMatchObject({ code: 4401 });
    expect(bob.open).toBe(true);
    await new Browser(url).post('/logout', {}, { cookie });
    expect(await bob.closed).toEqual({ code: 4401, reason: 'logout' });
  });

  it('closes the socket of a session that is revoked during its handshake', async () => {
    const { app, connect, sessions, size } = await run();
    const cookie = await loginAs(app, 'alice');
    const engine = app.get<SessionEngine>(SESSION_ENGINE);
    const [open, hold] = [engine.openDetached.bind(engine), gate()];
    engine.openDetached = async (...args) => {
      const state = await open(...args);
      await hold.pass();
      return state;
    };
    const { attachments } = engine;
    const attach = attachments.attach.bind(attachments);
    let attached = 0;
    attachments.attach = (...args) => {
      attached++;
      return attach(...args);
    };
    // A client of socket.io hears of no connection that ends before its namespace is joined.
    void connect({ cookie });
    await hold.reached;
    await sessions.revokeAll('alice');
    hold.open();
    await until(() => attached === 1 && size().attached === 0);
  });

  it('has the client come again when the cookie of the handshake is over', async () => {
    const { app, client, clock } = await run();
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    clock.advance('30m');
    expect(await alice.closed).toMatchObject({ code: 4205 });
  });

  it('goes on through rotations, and has it come again after a re-login', async () => {
    const { client, clock, url } = await run();
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const alice = await client({ cookie: browser.cookie });
    clock.advance('16m');
    await browser.get('/look');
    await browser.get('/look');
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
    await browser.post('/relogin', {});
    clock.advance('11s');
    expect(await alice.closed).toMatchObject({ code: 4205 });
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('stores nothing, which the client is told', async () => {
    const { app, client } = await run();
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    expect(await alice.ask('set', { a: 1 })).toMatchObject({ message: 'Internal server error' });
    expect(await alice.ask('count')).toMatchObject({ message: 'Internal server error' });
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
  });
});
