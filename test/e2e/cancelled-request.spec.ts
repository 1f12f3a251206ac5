import { jest } from '@jest/globals';
import { Controller, Get, Header, UseGuards } from '@nestjs/common';
import type { Browser, Page } from 'playwright-core';
import { LoginGuard, Session, SessionService, type SessionEvent } from 'nest-sessions';
import { AppController, type Data } from '../support/app.js';
import { hasChromium, HOW_TO_GET_IT, launchChromium } from '../support/chromium.js';
import { gate as makeGate } from '../support/gate.js';
import { closeAll, platforms, start } from '../support/platforms.js';
import { until } from '../support/until.js';

let gate = makeGate();
let answered = 0;

/** A page whose user changes their mind: a search that is sent at every key, a second click on another link. */
@Controller('pages')
class PagesController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Get()
  @Header('Content-Type', 'text/html')
  page() {
    return '<!doctype html><title>Search</title><input>';
  }

  @Get('in')
  @Header('Content-Type', 'text/html')
  async logIn() {
    await this.sessions.login('alice');
    return '<!doctype html><title>In</title>';
  }

  @Get('slow')
  @UseGuards(LoginGuard)
  async slow(@Session() session: Session<Data>) {
    await gate.pass();
    answered++;
    return { subject: session.subject };
  }
}

if (hasChromium) {
  describe.each(platforms)('a request that Chromium cancels on %s', (platform) => {
    jest.setTimeout(60_000);
    let chromium: Browser;
    beforeAll(async () => void (chromium = await launchChromium()));
    afterAll(() => chromium.close());
    afterEach(closeAll);
    beforeEach(() => {
      gate = makeGate();
      answered = 0;
    });

    async function open(): Promise<{
      page: Page;
      events: SessionEvent[];
      advance: (by: '16m' | '11s') => void;
    }> {
      const { app, url, clock } = await start(platform, { controllers: [AppController, PagesController] });
      const events: SessionEvent[] = [];
      app.get(SessionService).events.subscribe((event) => events.push(event));
      const page = await (await chromium.newContext({ baseURL: url })).newPage();
      await page.goto('/pages/in');
      await page.goto('/pages');
      return { page, events, advance: (by) => clock.advance(by) };
    }

    const statusOf = (page: Page) => page.evaluate(async () => (await fetch('/me')).status);

    it('by a fetch() that is aborted, where a rotation is due, logs nobody out', async () => {
      const { page, events, advance } = await open();
      advance('16m');
      await page.evaluate(() => {
        const controller = new AbortController();
        Object.assign(globalThis, { controller });
        fetch('/pages/slow', { signal: controller.signal }).catch(() => undefined);
      });
      await gate.reached;
      await page.evaluate(() =>
        (globalThis as unknown as { controller: AbortController }).controller.abort(),
      );
      gate.open();
      await until(() => answered === 1, 'the handler going on');
      expect(await statusOf(page)).toBe(200);
      advance('11s');
      expect(await statusOf(page)).toBe(200);
      expect(events.filter(({ type }) => type === 'reused' || type === 'ended')).toEqual([]);
    });

    it('by a second click, where a rotation is due, logs nobody out', async () => {
      const { page, events, advance } = await open();
      advance('16m');
      const first = page.goto('/pages/slow').catch(() => undefined);
      await gate.reached;
      await page.goto('/pages');
      gate.open();
      await first;
      await until(() => answered === 1, 'the handler going on');
      expect(await statusOf(page)).toBe(200);
      advance('11s');
      expect(await statusOf(page)).toBe(200);
      expect(events.filter(({ type }) => type === 'reused' || type === 'ended')).toEqual([]);
    });
  });
} else {
  describe('requests that Chromium cancels', () => {
    it(`SKIPPED: ${HOW_TO_GET_IT}`, () => {
      console.warn(`\n*** The browser specs were SKIPPED. ${HOW_TO_GET_IT} ***\n`);
      if (process.env['CI']) throw new Error(HOW_TO_GET_IT);
    });
  });
}
