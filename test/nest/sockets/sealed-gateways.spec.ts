import { loginAs } from 'nest-sessions/testing';
import { SealedCookie } from 'nest-sessions/sealed';
import { Browser } from '../../support/browser.js';
import { closeAll } from '../../support/platforms.js';
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
