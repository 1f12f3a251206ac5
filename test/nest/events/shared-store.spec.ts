import { jest } from '@jest/globals';
import { MemoryStore, SessionService, type SessionEvent, type SessionStore } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { describeEveryStore } from '../../support/every-store.js';
import { closeAll, platforms, start, type PlatformName, type Running } from '../../support/platforms.js';
import { until } from '../../support/until.js';

jest.setTimeout(60_000);
afterEach(closeAll);

const clock = new FakeClock();

async function run(platform: PlatformName, store: SessionStore | SealedCookie, realClock = false) {
  const running: Running = await start(platform, {
    controllers: [AppController],
    realClock,
    options: { store, ...(!realClock && { clock }) },
  });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  return { ...running, events, browser: new Browser(running.url) };
}

describe.each(platforms)('one store under two applications, on %s', (platform) => {
  it('is closed with the last of them, once', async () => {
    const store = new MemoryStore();
    const close = jest.spyOn(store, 'close');
    const [one, two] = [await run(platform, store), await run(platform, store)];
    await one.app.close();
    await one.app.close();
    expect(close).not.toHaveBeenCalled();
    await two.app.close();
    expect(close).toHaveBeenCalledTimes(1);
    const three = await run(platform, store);
    await three.app.close();
    expect(close).toHaveBeenCalledTimes(2);
  });

  it('is closed with the last also where one of them has it as the index of sealed cookies', async () => {
    const store = new MemoryStore();
    const close = jest.spyOn(store, 'close');
    const revocations = new MemoryRevocations();
    const one = await run(platform, new SealedCookie({ index: store, revocations }));
    const two = await run(platform, store);
    await one.app.close();
    expect(close).not.toHaveBeenCalled();
    await two.app.close();
    expect(close).toHaveBeenCalledTimes(1);
  });

  it('tells those that are open of sessions whose time is over, whichever was closed', async () => {
    const store = new MemoryStore();
    const [one, two] = [await run(platform, store), await run(platform, store)];
    await one.browser.post('/login', { user: 'alice' });
    await two.app.close();
    clock.advance('31m');
    await one.browser.get('/me');
    const ended = (events: SessionEvent[]) => events.filter(({ type }) => type === 'ended');
    expect([ended(one.events), ended(two.events)]).toMatchObject([
      [{ reason: 'idle', subject: 'alice' }],
      [],
    ]);
  });
});

describeEveryStore('one store under two applications', (platform, make, kind) => {
  if (kind === 'memory') return;
  it('goes on to hear the other nodes for one of them when the other is closed', async () => {
    const shared = `shared_${kind}_${platform}_${process.pid}`;
    const [store, elsewhere] = [await make(shared), await make(shared)];
    const [one, two] = [await run(platform, store, true), await run(platform, store, true)];
    const node = await run(platform, elsewhere, true);
    // Until each listens.
    const heard = async (events: SessionEvent[]): Promise<void> =>
      until(async () => {
        await node.browser.post('/login', { user: 'alice' });
        await node.browser.post('/logout');
        return events.some(({ type, remote }) => type === 'ended' && remote);
      }, 'an ending of the other node');
    await heard(one.events);
    await two.app.close();
    one.events.length = 0;
    await heard(one.events);
    expect((await one.browser.post('/login', { user: 'bob' })).status).toBe(200);
    expect((await one.browser.get('/me')).status).toBe(200);
  }, 60_000);
});
