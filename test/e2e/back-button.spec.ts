import { Controller, Get, Header, Post, Redirect } from '@nestjs/common';
import { jest } from '@jest/globals';
import { Logout, Session, SessionService } from 'nest-sessions';
import type { Browser, BrowserContext, Page, Response } from 'playwright-core';
import { hasChromium, HOW_TO_GET_IT, launchChromium } from '../support/chromium.js';
import { CachingProxy, describeWithNginx } from '../support/nginx.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';

const HTML = 'text/html; charset=utf-8';
const document = (title: string, body = ''): string =>
  `<!doctype html><title>${title}</title><h1>${title}</h1>${body}`;
const button = (action: string, text: string): string =>
  `<form method="post" action="${action}"><button>${text}</button></form>`;

/** Pages that say nothing of caches: what is said of them comes from the library. */
@Controller()
class BankController {
  /** How often a page of the user was made. */
  static pages = 0;

  constructor(private readonly sessions: SessionService) {}

  @Get('login')
  @Header('Content-Type', HTML)
  form() {
    return document('Log in', button('/login', 'Log in'));
  }

  @Post('login')
  @Redirect('/account', 303)
  async logIn() {
    await this.sessions.login('alice');
  }

  @Get('account')
  @Header('Content-Type', HTML)
  account(@Session() session: Session) {
    BankController.pages++;
    return document(
      `Account of ${nameOf(session)}`,
      `<a href="/statement">Statement</a>${button('/logout', 'Log out')}`,
    );
  }

  @Get('statement')
  @Header('Content-Type', HTML)
  statement(@Session() session: Session) {
    BankController.pages++;
    return document(`Statement of ${nameOf(session)}`, button('/logout', 'Log out'));
  }

  @Post('logout')
  @Logout()
  @Redirect('/goodbye', 303)
  logOut() {}

  @Get('goodbye')
  @Header('Content-Type', HTML)
  goodbye() {
    return document('Goodbye');
  }
}

const nameOf = (session: Session): string => session.subject ?? 'nobody';

if (hasChromium) {
  describeWithNginx('Chromium behind a caching proxy', () => {
    describe.each(platforms)('on %s', inChromium);
  });
} else {
  describe('Chromium behind a caching proxy', () => {
    it(`NOT RUN: ${HOW_TO_GET_IT}`, () => {
      process.stderr.write(`\n*** NOT RUN: the Back button behind a caching proxy. ${HOW_TO_GET_IT} ***\n`);
      if (process.env['CI']) throw new Error(HOW_TO_GET_IT);
    });
  });
}

function inChromium(platform: PlatformName): void {
  jest.setTimeout(60_000);
  let chromium: Browser;
  let proxy: CachingProxy;
  let context: BrowserContext;

  beforeAll(async () => {
    chromium = await launchChromium();
    const { url } = await start(platform, { controllers: [BankController] });
    proxy = await CachingProxy.start(url);
  });
  afterAll(async () => {
    await chromium.close();
    await proxy.stop();
    await closeAll();
  });
  beforeEach(async () => {
    context = await chromium.newContext({ baseURL: proxy.url });
    // Bounds every step below.
    context.setDefaultTimeout(10_000);
  });
  afterEach(() => context.close());

  async function logIn(): Promise<Page> {
    const page = await context.newPage();
    await page.goto('/login');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL('**/account');
    expect(await textOf(page)).toContain('Account of alice');
    return page;
  }

  async function logOut(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForURL('**/goodbye');
    expect(await context.cookies()).toEqual([]);
  }

  /** Logs in, reads the statement, logs out. */
  async function visit(): Promise<Page> {
    const page = await logIn();
    await page.getByRole('link', { name: 'Statement' }).click();
    await page.waitForURL('**/statement');
    expect(await textOf(page)).toContain('Statement of alice');
    await logOut(page);
    return page;
  }

  /** A page that Chromium has kept as a whole is shown without a request. */
  async function expectNothingBehind(page: Page, path: string): Promise<void> {
    const made = BankController.pages;
    // Such a page is never loaded, so nothing later may be awaited.
    await page.goBack({ waitUntil: 'commit' });
    await page.waitForURL(`**${path}`, { waitUntil: 'commit' });
    const text = await textOf(page);
    expect(text).toContain('of nobody');
    expect(text).not.toContain('alice');
    expect(BankController.pages).toBe(made + 1);
  }

  it('shows nothing of a page after the logout when the Back button is pressed', async () => {
    await expectNothingBehind(await visit(), '/statement');
  });

  it('shows nothing of the page to which the login redirected', async () => {
    const page = await logIn();
    await logOut(page);
    await expectNothingBehind(page, '/account');
  });

  it('shows nothing of it after a logout by a script either', async () => {
    const page = await logIn();
    await page.evaluate(() => fetch('/logout', { method: 'POST' }));
    await page.goto('/goodbye');
    await expectNothingBehind(page, '/account');
  });

  it('shows nothing of it at its address either, from a cache of the browser or of the proxy', async () => {
    await visit();
    const other = await context.newPage();
    const response = await other.goto('/statement');
    expect(cacheOf(response)).not.toBe('HIT');
    expect(await textOf(other)).toContain('Statement of nobody');
    expect(await textOf(other)).not.toContain('alice');
  });

  it('has a proxy that stores what says nothing of caches', async () => {
    await visit();
    const other = await context.newPage();
    expect(cacheOf(await other.goto('/goodbye'))).toBe('HIT');
  });
}

/** All that is in the page. */
const textOf = (page: Page): Promise<string> => page.locator('html').innerHTML();

const cacheOf = (response: Response | null): string | undefined => response?.headers()['x-cache'];
