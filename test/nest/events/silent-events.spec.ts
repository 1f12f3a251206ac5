import type { SessionEvent, SessionStore } from 'nest-sessions';
import { MemoryStore, SessionService } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, start } from '../../support/platforms.js';

afterEach(closeAll);

const SECRET_OF_THE_DRIVER = 'redis://user:secret@host';

/** Ways in which a store fails to tell other nodes; the type lets an async method pass. */
const failures: [string, Pick<SessionStore, 'publish'>][] = [
  [
    'throws as it publishes',
    {
      publish: () => {
        throw new Error(SECRET_OF_THE_DRIVER);
      },
    },
  ],
  ['rejects as it publishes', { publish: async () => Promise.reject(new Error(SECRET_OF_THE_DRIVER)) }],
  [
    'rejects with a promise of another kind',
    {
      publish: () => ({
        then: (_ok: unknown, no: (error: Error) => void) => no(new Error(SECRET_OF_THE_DRIVER)),
      }),
    },
  ],
];

describe.each(platforms)('on %s a store that', (platform) => {
  it.each(failures)('%s is logged once a minute, and sessions end all the same', async (_how, methods) => {
    const sink = new LogSink();
    const store: SessionStore = Object.assign(new MemoryStore(), methods);
    const { url, app } = await start(platform, {
      controllers: [AppController],
      options: { store },
      prepare: sink.attach,
    });
    const told: SessionEvent[] = [];
    app.get(SessionService).events.subscribe((event) => told.push(event));
    for (let i = 0; i < 2; i++) {
      const browser = new Browser(url);
      await browser.post('/login', { user: 'alice' });
      const stolen = browser.cookie;
      expect((await browser.post('/logout')).status).toBe(200);
      expect((await browser.get('/me', { cookie: stolen })).status).toBe(401);
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(told.filter(({ type }) => type === 'ended')).toHaveLength(2);
    expect(sink.lines.filter((line) => line.includes('failed to publish'))).toHaveLength(1);
    expect(sink.text).not.toContain('secret@host');
  });

  it('throws as it subscribes does not keep the application from starting', async () => {
    const store: SessionStore = Object.assign(new MemoryStore(), {
      subscribe: () => {
        throw new Error(SECRET_OF_THE_DRIVER);
      },
    });
    const { url } = await start(platform, { controllers: [AppController], options: { store } });
    const browser = new Browser(url);
    expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
    expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
  });

  it('goes on emitting after a listener threw', async () => {
    const sink = new LogSink();
    let tell!: (event: SessionEvent) => void;
    const store: SessionStore = Object.assign(new MemoryStore(), {
      subscribe: (listener: (event: SessionEvent) => void) => {
        tell = listener;
        return () => undefined;
      },
    });
    const { app } = await start(platform, { options: { store }, prepare: sink.attach });
    const told: unknown[] = [];
    app.get(SessionService).events.subscribe(() => {
      throw new Error('cannot bear it');
    });
    app.get(SessionService).events.subscribe((event) => told.push(event));
    for (const message of [
      undefined,
      null,
      7,
      'text',
      {},
      { type: 'ended', id: 'a', at: 0, reason: 'logout' },
    ])
      expect(() => tell(message as SessionEvent)).not.toThrow();
    expect(told).toHaveLength(6);
    expect(sink.text).toContain('cannot bear it');
  });
});
