import { loginAs } from 'nest-sessions/testing';
import type { Data } from '../../support/app.js';
import { closeAll } from '../../support/platforms.js';
import { closeClients } from './clients.js';
import { everywhere, startGateway } from './gateways.js';

afterEach(async () => {
  closeClients();
  await closeAll();
});

describe.each(everywhere)('a gateway by %s', (_, transport, platform) => {
  it('has the session of the handshake for each message', async () => {
    const { app, client } = await startGateway(transport, platform);
    const cookie = await loginAs<Data>(app, 'alice', { data: { n: 1 } });
    const alice = await client({ cookie });
    expect(await alice.ask('look')).toMatchObject({ subject: 'alice', data: { n: 1 } });
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
    const nobody = await client();
    expect(await nobody.ask('look')).toMatchObject({ subject: null });
  });

  it('closes the sockets of a session that ends, and no other', async () => {
    const { app, client, sessions } = await startGateway(transport, platform);
    const cookie = await loginAs(app, 'alice');
    const [one, other] = [await client({ cookie }), await client({ cookie })];
    const bob = await client({ cookie: await loginAs(app, 'bob') });
    await sessions.revokeAll('alice');
    expect(await one.closed).toEqual({ code: 4401, reason: 'revoked' });
    expect(await other.closed).toEqual({ code: 4401, reason: 'revoked' });
    expect(await bob.ask('who')).toEqual({ subject: 'bob' });
  });
});
