import type { FakeClock } from 'nest-sessions/testing';
import { AppController } from './app.js';
import { Browser } from './browser.js';
import type { Setup } from './platforms.js';

/** What a newer version might write into a record, JSON text by name. */
export const NEWER_FIELDS: Readonly<Record<string, string>> = {
  label: '"my phone"',
  deviceKey: ' {"kty": "EC", "x": 1.0}',
};

/** With all that becomes of a session between two of its logins. */
export const GROWING: Setup = {
  controllers: [AppController],
  options: { rollEvery: '1m', rotateEvery: '15m', idle: '1h', rotateGrace: '10s' },
};

/** What this version does to a session, each step a request or two of its own. */
export const STEPS: [string, (browser: Browser, clock: FakeClock) => Promise<void>][] = [
  ['a read', async (browser) => ok(await browser.get('/me'))],
  ['a commit', async (browser) => ok(await browser.post('/data', { label: 1, b: 2 }))],
  ['an update', async (browser) => ok(await browser.post('/increment/n'))],
  [
    'a roll',
    async (browser, clock) => {
      clock.advance('2m');
      ok(await browser.get('/me'));
    },
  ],
  [
    'a rotation and its confirmation',
    async (browser, clock) => {
      clock.advance('16m');
      const before = browser.cookie;
      ok(await browser.get('/me'));
      ok(await browser.get('/me'));
      if (browser.cookie === before) throw new Error('The session was not rotated.');
    },
  ],
  ['regenerate', async (browser) => ok(await browser.post('/regenerate', { keep: ['b'] }))],
  ['a re-login', async (browser) => ok(await browser.post('/relogin', {}))],
  ['what comes after it', async (browser) => ok(await browser.post('/data', { c: 3 }))],
];

function ok({ status, body }: { status: number; body: string }): void {
  if (status !== 200) throw new Error(`The answer is ${status}: ${body}`);
}

type Listed = { id: string; current: boolean } & Record<string, unknown>;

/** The session that this browser has, as it is listed. */
export async function infoOf(browser: Browser): Promise<Listed> {
  const listed = (await browser.get('/devices')).json<Listed[]>();
  return listed.find(({ current }) => current)!;
}
