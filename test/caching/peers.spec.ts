import type { INestApplication } from '@nestjs/common';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { startPeer } from '../support/express-session.js';
import { CachingProxy, describeWithNginx } from '../support/nginx.js';
import { closeAll, start } from '../support/platforms.js';

/** What bob reads where alice has read before. */
async function readByBob(application: string): Promise<{ stored: boolean; subject: unknown }> {
  const proxy = await CachingProxy.start(application);
  try {
    const [alice, bob] = [new Browser(proxy.url), new Browser(proxy.url)];
    await alice.post('/login', { user: 'alice' });
    await bob.post('/login', { user: 'bob' });
    expect((await alice.get('/me')).json()).toEqual({ subject: 'alice' });
    const answer = await bob.get('/me');
    return { stored: answer.headers['x-cache'] === 'HIT', subject: answer.json()['subject'] };
  } finally {
    await proxy.stop();
  }
}

describeWithNginx('behind the same caching proxy, a page of who is logged in', () => {
  let peer: INestApplication | undefined;

  afterEach(async () => {
    await peer?.close();
    peer = undefined;
    await closeAll();
  });

  it('is served to somebody else by an application with express-session, which says nothing to caches', async () => {
    const { app, url } = await startPeer();
    peer = app;
    expect(await readByBob(url.replace('[::1]', '127.0.0.1'))).toEqual({ stored: true, subject: 'alice' });
  });

  it('is served to its user alone by the same application with nest-sessions', async () => {
    const { url } = await start('express', { controllers: [AppController] });
    expect(await readByBob(url)).toEqual({ stored: false, subject: 'bob' });
  });
});
