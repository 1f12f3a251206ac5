import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from 'nest-sessions/testing';
import passport from 'passport';
import type { Page } from 'playwright-core';
import { send } from '../support/browser.js';
import { describeInChromium } from '../support/chromium.js';
import { SECRET } from '../support/platforms.js';
import {
  closeSample,
  DEMO_PASSWORDS,
  importSample,
  startSample,
  type ListeningSample,
} from '../support/sample.js';

const SOURCE = '05-passport/src';
const BEFORE = 'express-session';
const AFTER = 'nest-sessions';

interface OldSessionsModule {
  oldSessionsFrom(env: object, folder: string): object;
}
import {
  changeEmail,
  cookieHeader,
  fillLogin,
  isLoggedOut,
  logIn,
  proveAgain,
  says,
} from '../support/sample-page.js';

describeInChromium('the Passport sample in Chromium', (open) => {
  let folder: string;
  let old: object;
  let clock: FakeClock;
  let sample: ListeningSample;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sessions-passport-'));
    const module = await importSample<OldSessionsModule>(`${SOURCE}/before/old-sessions.js`);
    old = module.oldSessionsFrom({}, folder);
    // express-session, and the handler that notes the time of the login, go by the machine's clock.
    clock = new FakeClock(Date.now());
    beginProcess();
    sample = await startSample(`${SOURCE}/before`, old);
  });
  afterEach(async () => {
    await sample.app.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** The one process ends, the other starts at the same address. */
  async function switchOver(): Promise<void> {
    const port = Number(new URL(sample.url).port);
    await closeSample(sample);
    beginProcess();
    sample = await startSample(SOURCE, { secret: SECRET, reloginWindow: '5m', old, clock }, { port });
  }

  it('keeps a user logged in through the switch, with a login as old as it is', async () => {
    const page = await open(sample.url);
    await page.locator('#library', { hasText: BEFORE }).waitFor();
    await logIn(page, 'alice');
    await visit(page, BEFORE);
    const visits = Number(await page.locator('#visits').innerText());
    const loggedInAt = await timeOf(page, '#logged-in-at');
    const copied = await cookieHeader(page);
    expect(await cookieNames(page)).toEqual(['connect.sid']);
    expect(await readdir(folder)).toHaveLength(1);

    await switchOver();
    clock.advance('10m');
    await visit(page, AFTER);
    expect(await page.locator('#name').innerText()).toBe('Hello, Alice');
    expect(await page.locator('#visits').innerText()).toBe(String(visits + 1));
    expect(await timeOf(page, '#logged-in-at')).toBe(loggedInAt);
    expect(await timeOf(page, '#proved-at')).toBe(loggedInAt);
    expect(await page.locator('#fresh-until').innerText()).toBe('It is asked for now');
    expect(await cookieNames(page)).toEqual(['__Host-session']);
    expect(await readdir(folder)).toEqual([]);
    // Within `rotateGrace` it opens the same session, for requests that are under way. Then a copy is worth nothing.
    clock.advance('11s');
    expect(await me(copied)).toBe(403);
  });

  it('asks for the password after the switch, as the login is old', async () => {
    const page = await open(sample.url);
    await logIn(page, 'alice');
    await switchOver();
    clock.advance('10m');
    await visit(page, AFTER);
    await changeEmail(page, 'new@example.com');
    await proveAgain(page, 'wrong');
    await says(page, 'That is not the password.');
    await visit(page, AFTER);
    expect(await page.locator('#email').innerText()).toBe('alice@example.com');
    await changeEmail(page, 'new@example.com');
    await proveAgain(page, DEMO_PASSWORDS.alice);
    await page.locator('#email', { hasText: 'new@example.com' }).waitFor();
    expect(Date.parse(await timeOf(page, '#proved-at'))).toBe(clock.now());
  });

  it('asks for no password while the login of before the switch is recent', async () => {
    const page = await open(sample.url);
    await logIn(page, 'bob');
    await switchOver();
    clock.advance('4m');
    await visit(page, AFTER);
    await changeEmail(page, 'new@example.com');
    await page.locator('#email', { hasText: 'new@example.com' }).waitFor();
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  it('ends the session at the logout, which express-session cannot undo any more', async () => {
    const page = await open(sample.url);
    await logIn(page, 'alice');
    const old = await cookieHeader(page);
    await switchOver();
    await visit(page, AFTER);
    const copied = await cookieHeader(page);
    expect(await me(copied)).toBe(200);
    await page.getByRole('button', { name: 'Log out', exact: true }).click();
    await isLoggedOut(page);
    expect(await me(copied)).toBe(403);
    expect(await me(old)).toBe(403);
  });

  it('logs out everywhere: in the browser that came over, and in one that logged in afterwards', async () => {
    const first = await open(sample.url);
    await logIn(first, 'alice');
    await switchOver();
    await visit(first, AFTER);
    const second = await open(sample.url);
    await logIn(second, 'alice');
    await second.locator('#sessions', { hasText: '2 devices' }).waitFor();
    await second.getByRole('button', { name: 'Log out everywhere' }).click();
    await isLoggedOut(second);
    await first.reload();
    await isLoggedOut(first);
  });

  it('lets nobody in with a wrong password, or with what is none, before and after', async () => {
    for (const library of [BEFORE, AFTER]) {
      if (library === AFTER) await switchOver();
      const page = await open(sample.url);
      await fillLogin(page, 'alice', 'coffee');
      await says(page, 'User name or password is wrong.');
      expect(await page.context().cookies()).toEqual([]);
      const body = { username: 'alice', password: 9 };
      expect((await send(`${sample.url}/auth/login`, 'POST', {}, body)).status).toBe(401);
    }
  });

  /** The status of a client that has nothing but the cookie, as a thief: the recipe's guard answers 403. */
  const me = async (cookie: string): Promise<number> =>
    (await send(`${sample.url}/auth/me`, 'GET', { cookie })).status;
});

/** Passport keeps serializers in one object of the process, and asks the first. Here one process stands for several. */
const beginProcess = (): void => void Object.assign(passport, new passport.Passport());

/** Loads the page anew, as a user who is logged in. */
async function visit(page: Page, library: string): Promise<void> {
  await page.reload();
  await page.getByRole('heading', { name: 'Hello' }).waitFor();
  expect(await page.locator('#library').innerText()).toBe(library);
}

const timeOf = async (page: Page, time: string): Promise<string> =>
  (await page.locator(time).getAttribute('datetime'))!;

const cookieNames = async (page: Page): Promise<string[]> =>
  (await page.context().cookies()).map(({ name }) => name);
