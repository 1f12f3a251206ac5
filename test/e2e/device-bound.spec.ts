import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, Header, Post, Redirect, UseGuards, type INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { jest } from '@jest/globals';
import {
  LoginGuard,
  Logout,
  MemoryStore,
  Session,
  SessionModule,
  SessionService,
  type SessionEvent,
} from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import type { BrowserContext, Page } from 'playwright-core';
import { send } from '../support/browser.js';
import { makeCertificate } from '../support/certificate.js';
import { hasChromium, HOW_TO_GET_IT, launchBindingChromium } from '../support/chromium.js';
import { LogSink } from '../support/log-sink.js';
import { platforms, SECRET, type PlatformName } from '../support/platforms.js';
import { until } from '../support/until.js';

const HTML = 'text/html; charset=utf-8';
const BOUND = '__Host-session-bound';
const DEVICE = 'POST /session/device';
const REFRESH = 'POST /session/device/refresh';

@Controller()
class PageController {
  constructor(private readonly sessions: SessionService) {}

  @Get()
  @Header('Content-Type', HTML)
  home() {
    return '<h1>Home</h1><form method="post" action="/login"><button>Log in</button></form>';
  }

  @Post('login')
  @Redirect('/account', 303)
  async login() {
    await this.sessions.login('alice', { remember: true });
  }

  @Get('account')
  @UseGuards(LoginGuard)
  @Header('Content-Type', HTML)
  account(@Session() session: Session) {
    return `<h1>Account of ${session.subject}</h1><form method="post" action="/logout"><button>Log out</button></form>`;
  }

  @Get('static/app.js')
  script() {
    return '';
  }

  @Get('api')
  @UseGuards(LoginGuard)
  api(@Session() session: Session) {
    return { subject: session.subject };
  }

  @Post('logout')
  @Logout()
  @Redirect('/', 303)
  logout() {}
}

/** A store that fails while it is told to. */
class FailingStore extends MemoryStore {
  failing = false;

  override load(id: string) {
    if (this.failing) throw new Error('out of order');
    return super.load(id);
  }
}

/** A request as the server saw it. */
interface Seen {
  line: string;
  status: number;
  skipped: string | undefined;
}

class Site {
  readonly clock = new FakeClock(Date.now());
  readonly store = new FailingStore();
  readonly events: SessionEvent[] = [];
  readonly seen: Seen[] = [];
  url = '';
  #app: INestApplication | undefined;

  async start(platform: PlatformName, host = 'localhost', initiators: string[] = []): Promise<void> {
    const module = await Test.createTestingModule({
      imports: [
        SessionModule.forRoot({
          secret: SECRET,
          clock: this.clock,
          store: this.store,
          deviceBound: { scope: { exclude: ['/static'], initiators } },
          idle: '2h',
        }),
      ],
      controllers: [PageController],
    }).compile();
    const { key, cert } = certificate;
    const httpsOptions = { key, cert };
    const app =
      platform === 'express'
        ? module.createNestApplication(new ExpressAdapter(), { logger: new LogSink(), httpsOptions })
        : module.createNestApplication<NestFastifyApplication>(new FastifyAdapter({ https: httpsOptions }), {
            logger: new LogSink(),
          });
    this.#app = app;
    const server = app.getHttpServer() as Server;
    server.prependListener('request', (request, response) => {
      const skipped = request.headers['secure-session-skipped'] as string | undefined;
      const seen = { line: `${request.method} ${request.url}`, status: 0, skipped };
      if (request.url?.includes('favicon')) return;
      this.seen.push(seen);
      response.on('finish', () => (seen.status = response.statusCode));
    });
    await app.listen(0);
    this.url = `https://${host}:${(server.address() as AddressInfo).port}`;
    app.get(SessionService).events.subscribe((event) => this.events.push(event));
  }

  async stop(): Promise<void> {
    await this.#app?.close();
  }

  /** What came since the last call. */
  take(): string[] {
    return this.seen.splice(0).map(({ line, status }) => `${line} ${status}`);
  }

  count(line: string): number {
    return this.seen.filter((one) => one.line === line).length;
  }
}

/** A page of another origin, by HTTPS where a certificate is given. */
async function startPage(
  html: string,
  options?: { key: string; cert: string },
): Promise<{ port: number; stop(): Promise<void> }> {
  const answer = (_request: unknown, response: ServerResponse): void => {
    response.setHeader('Content-Type', HTML);
    response.end(html);
  };
  const server = options ? createHttpsServer(options, answer) : createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

let certificate: ReturnType<typeof makeCertificate>;

if (hasChromium) {
  describe.each(platforms)('device-bound sessions in Chromium on %s', inChromium);
} else {
  describe('device-bound sessions in Chromium', () => {
    it(`NOT RUN: ${HOW_TO_GET_IT}`, () => {
      process.stderr.write(`\n*** NOT RUN: device-bound sessions in a browser. ${HOW_TO_GET_IT} ***\n`);
      if (process.env['CI']) throw new Error(HOW_TO_GET_IT);
    });
  });
}

function inChromium(platform: PlatformName): void {
  jest.setTimeout(60_000);
  let site: Site;
  let profile: string;
  let context: BrowserContext;
  let page: Page;

  beforeAll(() => {
    certificate = makeCertificate();
  });

  // A browser of its own for each test: it signs six times for a site in nine minutes.
  beforeEach(async () => {
    site = new Site();
    await site.start(platform);
    profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  });

  afterEach(async () => {
    await context?.close();
    await site.stop();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  const launch = async (binds = true, args: string[] = []): Promise<void> => {
    context = await launchBindingChromium(profile, certificate.spki, binds, args);
    page = context.pages()[0] ?? (await context.newPage());
  };

  const logIn = async (): Promise<void> => {
    await page.goto(`${site.url}/`);
    await page.getByText('Log in').click();
    await page.getByText('Account of alice').waitFor();
  };

  /** Logs in, and waits until the browser has registered its key and has the bound cookie. */
  const bind = async (): Promise<void> => {
    await logIn();
    await until(() => site.events.some(({ type }) => type === 'bound'));
    await until(async () => (await bound()) !== undefined);
    site.take();
    // Requests without the bound cookie pass no longer.
    site.clock.advance('11s');
  };

  const bound = async () => (await context.cookies(site.url)).find(({ name }) => name === BOUND);

  const dropBound = (): Promise<void> => context.clearCookies({ name: BOUND });

  const statusOf = async (path = '/account'): Promise<number> => (await page.goto(site.url + path))!.status();

  it('registers a key after the login', async () => {
    await launch();
    await logIn();
    await until(() => site.events.some(({ type }) => type === 'bound'));
    await until(() => site.seen.every(({ status }) => status > 0));
    expect(site.take()).toContain(`${DEVICE} 200`);
    await until(async () => (await bound()) !== undefined);
    expect(await bound()).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Lax', path: '/' });
    site.clock.advance('11s');
    expect(await statusOf()).toBe(200);
    expect(site.take()).toEqual(['GET /account 200']);
  });

  it('refreshes when the bound cookie is gone, before the request that waits for it', async () => {
    await launch();
    await bind();
    const before = (await bound())!.value;
    await dropBound();
    expect(await statusOf()).toBe(200);
    const seen = site.take();
    expect(seen.at(-1)).toBe('GET /account 200');
    expect(seen.slice(0, -1)).toEqual(
      // With the challenge that was sent ahead it takes one round trip.
      seen.length === 2 ? [`${REFRESH} 200`] : [`${REFRESH} 403`, `${REFRESH} 200`],
    );
    expect((await bound())!.value).not.toBe(before);
    expect(site.events.some(({ type }) => type === 'refreshed')).toBe(true);
  });

  it('refreshes with a new challenge where the one that was sent ahead is too old', async () => {
    await launch();
    await bind();
    site.clock.advance('26m');
    await dropBound();
    expect(await statusOf()).toBe(200);
    const seen = site.take();
    expect(seen.slice(-3)).toEqual([`${REFRESH} 403`, `${REFRESH} 200`, 'GET /account 200']);
  });

  it('lets requests below an excluded path go without waiting', async () => {
    await launch();
    await bind();
    await dropBound();
    expect(await statusOf('/static/app.js')).toBe(200);
    expect(site.take()).toEqual(['GET /static/app.js 200']);
    expect(await statusOf()).toBe(200);
    expect(site.take()).toContain(`${REFRESH} 200`);
  });

  it('may refresh ahead of time, while the bound cookie is there', async () => {
    await launch();
    await bind();
    const cookie = (await bound())!;
    await context.addCookies([{ ...cookie, expires: Math.floor(Date.now() / 1000) + 60 }]);
    expect(await statusOf()).toBe(200);
    await until(async () => (await bound())!.value !== cookie.value);
    expect(await statusOf()).toBe(200);
    expect(site.events.filter(({ type }) => type === 'refused')).toEqual([]);
  });

  it('comes again, and then refreshes, by a link of another site', async () => {
    await launch();
    await bind();
    await dropBound();
    const mail = await startPage(`<a href="${site.url}/account">Your account</a>`);
    await page.goto(`http://127.0.0.1:${mail.port}/`);
    await page.getByText('Your account').click();
    await page.getByText('Account of alice').waitFor();
    const seen = site.take();
    expect([seen[0], seen.at(-1)]).toEqual(['GET /account 401', 'GET /account 200']);
    expect(seen).toContain(`${REFRESH} 200`);
    await mail.stop();
  });

  it.each([
    ['is renewed for a page of another host that is named', ['app.example.org'], 200],
    ['is not renewed for a page of another host that is not named', ['www.example.org'], 401],
  ])('the bound cookie %s', async (_what, initiators, status) => {
    await site.stop();
    site = new Site();
    await site.start(platform, 'api.example.org', initiators);
    await launch(true, ['--host-resolver-rules=MAP *.example.org 127.0.0.1']);
    await bind();
    await dropBound();
    const frontend = await startPage('<h1>Frontend</h1>', certificate);
    await page.goto(`https://app.example.org:${frontend.port}/`);
    const url = `${site.url}/api`;
    // Its page may not read the response, and need not.
    await page.evaluate((to) => fetch(to, { credentials: 'include', mode: 'no-cors' }), url);
    const seen = site.take();
    expect(seen.at(-1)).toBe(`GET /api ${status}`);
    expect(seen.includes(`${REFRESH} 200`)).toBe(status === 200);
    await frontend.stop();
  });

  it('refreshes once for eight requests at a time', async () => {
    await launch();
    await bind();
    await dropBound();
    const statuses = await page.evaluate(async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => fetch('/api')));
      return answers.map(({ status }) => status);
    });
    expect(statuses).toEqual(Array.from({ length: 8 }, () => 200));
    const seen = site.take();
    expect(seen.filter((line) => line === `${REFRESH} 200`)).toHaveLength(1);
    expect(seen.filter((line) => line === 'GET /api 200')).toHaveLength(8);
  });

  it('keeps the session where a refresh fails for the store, and goes on when it is back', async () => {
    await launch();
    await bind();
    site.store.failing = true;
    await dropBound();
    expect(await statusOf()).toBe(503);
    site.store.failing = false;
    const seen = site.seen.splice(0);
    expect(seen.map(({ line, status }) => `${line} ${status}`)).toContain(`${REFRESH} 503`);
    expect(seen.at(-1)!.skipped).toMatch(/^"?server_error/);
    // Chromium waits for a while before it tries again.
    await until(async () => (await statusOf()) === 200);
    expect(site.events.some(({ type }) => type === 'refreshed')).toBe(true);
  });

  it('ends with the logout, and the bound cookie does not come back', async () => {
    await launch();
    await bind();
    await page.getByText('Log out').click();
    await page.getByText('Home').waitFor();
    expect(await context.cookies(site.url)).toEqual([]);
    expect(await statusOf()).toBe(401);
    expect(await statusOf('/')).toBe(200);
    site.take();
    expect(await statusOf()).toBe(401);
    expect(site.take()).toEqual(['GET /account 401']);
    expect(await context.cookies(site.url)).toEqual([]);
  });

  it('goes on after a restart of the browser', async () => {
    await launch();
    await bind();
    // Profiles are written with a delay.
    await page.waitForTimeout(2_000);
    await context.close();
    await launch();
    await dropBound();
    expect(await statusOf()).toBe(200);
    expect(site.take()).toContain(`${REFRESH} 200`);
  });

  it('shuts out the thief with a copy of all cookies, when the bound cookie is over', async () => {
    await launch();
    await bind();
    const cookies = await context.cookies(site.url);
    const header = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    const elsewhere = await mkdtemp(join(tmpdir(), 'chromium-'));
    const thief = await launchBindingChromium(elsewhere, certificate.spki);
    try {
      await thief.addCookies(cookies);
      const stolen = await thief.newPage();
      const steal = async (): Promise<number[]> => [
        (await stolen.goto(`${site.url}/account`))!.status(),
        (await send(`${site.url}/account`, 'GET', { cookie: header })).status,
      ];
      expect(await steal()).toEqual([200, 200]);
      site.clock.advance('11m');
      site.take();
      expect(await steal()).toEqual([401, 401]);
      expect(site.take()).toEqual(['GET /account 401', 'GET /account 401']);
      await dropBound();
      expect(await statusOf()).toBe(200);
      expect(await steal()).toEqual([401, 401]);
    } finally {
      await thief.close();
      await rm(elsewhere, { recursive: true, force: true, maxRetries: 5 });
    }
  });

  it('leaves a browser without the feature an ordinary session', async () => {
    await launch(false);
    await logIn();
    site.clock.advance('11m');
    expect(await statusOf()).toBe(200);
    expect(site.take().filter((line) => line.includes('/session/device'))).toEqual([]);
    expect(await bound()).toBeUndefined();
  });
}
