import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, NotFoundException, UseGuards, type INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { LoginGuard, Session, SessionModule, SessionService, type SessionEvent } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import type { BrowserContext, Page } from 'playwright-core';
import { makeCertificate } from '../support/certificate.js';
import { describeWithChromium, launchBindingChromium } from '../support/chromium.js';
import { LogSink } from '../support/log-sink.js';
import { platforms, SECRET, type PlatformName } from '../support/platforms.js';
import { until } from '../support/until.js';

const BOUND = '__Secure-session-bound';
const FILE = '.well-known/device-bound-sessions';
const APP = 'https://app.example.com';

/** Whether the site serves the file, and how often it was asked for it. */
const wellKnown = { served: true, asked: 0 };

@Controller()
class SiteController {
  constructor(private readonly sessions: SessionService) {}

  @Get('login')
  async login() {
    await this.sessions.login('alice');
  }

  @Get('account')
  @UseGuards(LoginGuard)
  account(@Session() session: Session) {
    return { subject: session.subject };
  }

  @Get(FILE)
  file() {
    wellKnown.asked++;
    if (!wellKnown.served) throw new NotFoundException();
    return { registering_origins: [APP] };
  }
}

describeWithChromium('device-bound sessions of a whole site in Chromium', () => {
  describe.each(platforms)('on %s', inChromium);
});

function inChromium(platform: PlatformName): void {
  let app: INestApplication;
  let clock: FakeClock;
  let events: SessionEvent[];
  let profile: string;
  let context: BrowserContext;
  let page: Page;

  beforeEach(async () => {
    Object.assign(wellKnown, { served: true, asked: 0 });
    clock = new FakeClock(Date.now());
    const { key, cert, spki } = makeCertificate();
    const sessions = SessionModule.forRoot({
      ...{ secret: SECRET, clock, idle: '2h' },
      cookie: { domain: 'example.com' },
      deviceBound: { scope: { includeSite: true } },
    });
    const module = await Test.createTestingModule({
      imports: [sessions],
      controllers: [SiteController],
    }).compile();
    const httpsOptions = { key, cert };
    const logger = new LogSink();
    app =
      platform === 'express'
        ? module.createNestApplication(new ExpressAdapter(), { logger, httpsOptions })
        : module.createNestApplication<NestFastifyApplication>(new FastifyAdapter({ https: httpsOptions }), {
            logger,
          });
    await app.listen(0);
    events = [];
    app.get(SessionService).events.subscribe((event) => events.push(event));
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    profile = await mkdtemp(join(tmpdir(), 'chromium-'));
    const here = `127.0.0.1:${port}`;
    context = await launchBindingChromium(profile, spki, true, [
      `--host-resolver-rules=MAP example.com ${here}, MAP *.example.com ${here}`,
    ]);
    page = context.pages()[0]!;
  });

  afterEach(async () => {
    await context?.close();
    await app.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  /** @returns whether the browser has kept its key */
  async function bind(): Promise<boolean> {
    const cdp = await context.newCDPSession(page);
    await cdp.send('Network.enable');
    await cdp.send('Network.enableDeviceBoundSessions' as never, { enable: true } as never);
    const created = new Promise<boolean>((resolve) =>
      cdp.on(
        'Network.deviceBoundSessionEventOccurred' as never,
        (event: { succeeded: boolean; creationEventDetails?: object }) =>
          event.creationEventDetails && resolve(event.succeeded),
      ),
    );
    await page.goto(`${APP}/login`);
    await until(() => events.some(({ type }) => type === 'bound'));
    // Requests without the bound cookie pass no longer.
    clock.advance('11s');
    return created;
  }

  const statusOf = async (url: string): Promise<number> => (await page.goto(url))!.status();

  it('registers at a subdomain, and refreshes for each host', async () => {
    expect(await bind()).toBe(true);
    expect(wellKnown.asked).toBe(1);
    await context.clearCookies({ name: BOUND });
    expect(await statusOf('https://other.example.com/account')).toBe(200);
    expect(events.some(({ type }) => type === 'refreshed')).toBe(true);
  });

  it('is dropped by the browser where the site does not serve the file', async () => {
    wellKnown.served = false;
    expect(await bind()).toBe(false);
    expect(wellKnown.asked).toBe(1);
    await context.clearCookies({ name: BOUND });
    expect(await statusOf(`${APP}/account`)).toBe(401);
  });
}
