import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from 'nest-sessions/testing';
import type { BrowserContext, Page } from 'playwright-core';
import { send } from '../support/browser.js';
import { makeCertificate, type Certificate } from '../support/certificate.js';
import { describeWithChromium, launchBindingChromium } from '../support/chromium.js';
import { SECRET } from '../support/platforms.js';
import { startSample, type ListeningSample } from '../support/sample.js';
import { cookieHeader } from '../support/sample-page.js';
import { until } from '../support/until.js';

const BOUND = '__Host-session-bound';

describeWithChromium('the device-bound sample in Chromium', () => {
  let certificate: Certificate;
  let clock: FakeClock;
  let sample: ListeningSample;
  let profile: string;
  let context: BrowserContext | undefined;

  beforeAll(() => {
    certificate = makeCertificate();
  });

  // A browser of its own for each test: it signs six times for a site in nine minutes.
  beforeEach(async () => {
    // Chromium goes by the machine's clock.
    clock = new FakeClock(Date.now());
    sample = await startSample('06-device-bound/src', { secret: SECRET, clock }, { certificate });
    profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  });
  afterEach(async () => {
    await context?.close();
    context = undefined;
    await sample.app.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  it('says that the session is bound, since when, and when the browser signed for the last time', async () => {
    const page = await bind();
    const began = iso();
    expect(await timeOf(page, '#bound-at')).toBe(began);
    expect(await timeOf(page, '#proved-at')).toBe(began);

    clock.advance('3m');
    await browserDropsBoundCookie();
    await isLoggedIn(page);
    expect(await timeOf(page, '#bound-at')).toBe(began);
    expect(await timeOf(page, '#proved-at')).toBe(iso());
    expect((await eventsOn(page)).slice(0, 2)).toEqual(['refreshed', 'bound']);
  });

  it('shuts out a copy of all cookies after five and a half minutes, while the browser goes on', async () => {
    const page = await bind();
    const copied = await cookieHeader(page);
    expect(copied.split('; ').map((pair) => pair.split('=')[0])).toEqual(['__Host-session', BOUND]);
    clock.advance('329s');
    expect(await me(copied)).toBe(200);
    clock.advance('1s');
    expect(await me(copied)).toBe(401);

    await browserDropsBoundCookie();
    await isLoggedIn(page);
    expect(await timeOf(page, '#proved-at')).toBe(iso());
    expect(await eventsOn(page)).toContain('refused: expired-cookie');
    expect(await me(copied)).toBe(401);
    expect(await me(await cookieHeader(page))).toBe(200);
  });

  it('shows the last proof however often a dead copy was tried since', async () => {
    const page = await bind();
    const proved = iso();
    const unproved = (await cookieHeader(page)).replace(/; .*/, '');
    clock.advance('1m');
    for (let i = 0; i < 25; i++) expect(await me(unproved)).toBe(401);
    await isLoggedIn(page);
    expect(await timeOf(page, '#proved-at')).toBe(proved);
    expect(new Set(await eventsOn(page))).toEqual(new Set(['refused: no-cookie']));
  });

  it('kills the copy at once by the logout, and the browser takes up nothing again', async () => {
    const page = await bind();
    const copied = await cookieHeader(page);
    expect(await me(copied)).toBe(200);
    await page.getByRole('button', { name: 'Log out' }).click();
    await isLoggedOut(page);
    expect(await me(copied)).toBe(401);
    await page.reload();
    await isLoggedOut(page);
    expect(await page.context().cookies()).toEqual([]);
  });

  it('shows an ordinary session in a browser without the feature, whose copied cookie works until the logout', async () => {
    const page = await logIn(false);
    clock.advance('6m');
    await isLoggedIn(page);
    await page.locator('#binding', { hasText: 'An ordinary session' }).waitFor();
    expect(await page.getByText('the copy is dead').count()).toBe(0);
    const copied = await cookieHeader(page);
    expect(copied).not.toContain(BOUND);
    expect(await me(copied)).toBe(200);
    await page.getByRole('button', { name: 'Log out' }).click();
    await isLoggedOut(page);
    expect(await me(copied)).toBe(401);
  });

  async function logIn(binds: boolean): Promise<Page> {
    context = await launchBindingChromium(profile, certificate.spki, binds);
    const page = context.pages()[0]!;
    page.setDefaultTimeout(10_000);
    await page.goto(sample.url);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Logged in as alice' }).waitFor();
    return page;
  }

  /** Logs in, and loads the page again until it says that the browser has registered its key. */
  async function bind(): Promise<Page> {
    const page = await logIn(true);
    await until(async () => {
      await page.reload();
      return (await page.locator('#bound-at').count()) > 0;
    }, 'that the page says "Bound"');
    await until(async () => (await cookieHeader(page)).includes(BOUND), 'the bound cookie');
    return page;
  }

  /** As it does by the machine's clock, after five minutes. */
  const browserDropsBoundCookie = (): Promise<void> => context!.clearCookies({ name: BOUND });

  /** The status of a client that has nothing but the cookies, as a thief. */
  const me = async (cookie: string): Promise<number> =>
    (await send(`${sample.url}/me`, 'GET', { cookie })).status;

  const iso = (): string => new Date(clock.now()).toISOString();
});

async function isLoggedIn(page: Page): Promise<void> {
  await page.reload();
  await page.getByRole('heading', { name: 'Logged in as alice' }).waitFor();
}

const isLoggedOut = (page: Page): Promise<void> =>
  page.getByRole('heading', { name: 'Nobody is logged in' }).waitFor();

const timeOf = async (page: Page, time: string): Promise<string | null> =>
  page.locator(time).getAttribute('datetime');

/** The newest first, without their times. */
const eventsOn = async (page: Page): Promise<string[]> =>
  (await page.locator('#events > li').allInnerTexts()).map((text) => text.slice('12:34:56 '.length));
