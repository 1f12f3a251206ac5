import { MemoryStore, SessionService, type SessionEvent, type SessionStore } from 'nest-sessions';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { gate as makeGate } from '../support/gate.js';
import { closeAll, platforms, start } from '../support/platforms.js';
import { until } from '../support/until.js';

afterEach(closeAll);

describe.each(platforms)('what comes late on %s', (platform) => {
  it('a login that the store carries out after the timeout leaves no session', async () => {
    const memory = new MemoryStore();
    const gate = makeGate();
    const created: number[] = [];
    const store = new Proxy<SessionStore>(memory, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        const method = (value as (...args: unknown[]) => unknown).bind(target);
        if (name !== 'create') return method;
        return async (...args: unknown[]) => {
          await gate.pass();
          created.push(memory.size);
          const answer = method(...args);
          created.push(memory.size);
          return answer;
        };
      },
    });
    const { url } = await start(platform, {
      controllers: [AppController],
      options: { store, storeTimeout: '50ms' },
    });
    expect((await new Browser(url).post('/login', { user: 'alice' })).status).toBe(503);
    gate.open();
    await until(() => created.length === 2 && memory.size === 0, 'the session is gone');
    expect(created).toEqual([0, 1]);
  });

  it('a successor that no key derives any more stays pending, without a theft alarm', async () => {
    const [older, newer] = ['the older of two secrets, which goes', 'the newer of two secrets, which stays'];
    const store = new MemoryStore();
    const events: SessionEvent[] = [];
    const first = await start(platform, {
      controllers: [AppController],
      options: { store, secret: [newer, older], idle: '10h' },
    });
    const next = async (secret: string[]) => {
      const { app, url } = await start(platform, {
        controllers: [AppController],
        options: { store, secret, idle: '10h', clock: first.clock },
      });
      app.get(SessionService).events.subscribe((event) => events.push(event));
      return new Browser(url);
    };
    const browser = new Browser(first.url);
    await browser.post('/login', { user: 'alice' });
    const { cookie } = browser;
    const [rolledBack, rotated] = [await next([older, newer]), await next([newer])];
    first.clock.advance('16m');
    // Its response is lost.
    expect((await rolledBack.get('/me', { cookie })).status).toBe(200);
    for (const later of ['16m', '20s', '16m', '20s'] as const) {
      first.clock.advance(later);
      const answer = await rotated.get('/me', { cookie });
      expect([later, answer.status, answer.setCookies]).toEqual([later, 200, []]);
    }
    expect(events.filter(({ type }) => type === 'reused' || type === 'ended')).toEqual([]);
  });
});
