import { SessionService } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, start } from '../../support/platforms.js';
import { forgedCookie } from '../../support/tokens.js';

const sink = new LogSink();
const escaped: unknown[] = [];
const note = (error: unknown) => void escaped.push(error);

beforeAll(() => process.on('unhandledRejection', note).on('uncaughtException', note));
afterAll(() => void process.off('unhandledRejection', note).off('uncaughtException', note));
afterEach(closeAll);

describe.each(platforms)('a subscriber of the events on %s', (platform) => {
  it.each<[string, () => unknown]>([
    ['rejects with an error', () => Promise.reject(new Error('the audit log is full'))],
    [
      'throws an error',
      () => {
        throw new Error('the audit log is full');
      },
    ],

    [
      'throws what is no error',
      () => {
        throw Object.create(null) as object;
      },
    ],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- applications do
    ['rejects with what is no error', () => Promise.reject(Object.create(null) as object)],
  ])('that %s is logged, and ends neither the process nor the request', async (_what, subscriber) => {
    const { app, url } = await start(platform, { controllers: [AppController] });
    app.useLogger(sink);
    const before = sink.text.length;
    app.get(SessionService).events.subscribe(subscriber);
    expect((await new Browser(url).get('/look', { cookie: forgedCookie() })).status).toBe(200);
    const browser = new Browser(url);
    expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
    expect((await browser.post('/logout')).status).toBe(200);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.text.slice(before)).toContain('A subscriber of SessionService.events threw.');
    expect(escaped).toEqual([]);
  });
});
