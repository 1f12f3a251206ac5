import { jest } from '@jest/globals';
import { Controller, Get, Header, UseGuards } from '@nestjs/common';
import type { Browser, Page } from 'playwright-core';
import { LoginGuard, MemoryStore, Session, SessionService, type SessionEvent } from 'nest-sessions';
import type { RecordDelta } from 'nest-sessions/store';
import { AppController, type Data } from '../support/app.js';
import { hasChromium, HOW_TO_GET_IT, launchChromium } from '../support/chromium.js';
import { gate as makeGate } from '../support/gate.js';
import { closeAll, platforms, start } from '../support/platforms.js';

let gate = makeGate();

/** Rotates at once, and says so late: when its client has gone. */
class LateStore extends MemoryStore {
  late = false;

  override commit(id: string, delta: RecordDelta): never {
    const done = super.commit(id, delta);
    if (!this.late) return done as never;
    this.late = false;
    return gate.pass().then(() => done) as never;
  }
}

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
  slow(@Session() session: Session<Data>) {
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
    beforeEach(() => (gate = makeGate()));

    async function open() {
      const store = new LateStore();
      const controllers = [AppController, PagesController];
      const { app, url, clock } = await start(platform, { controllers, options: { store } });
      const events: SessionEvent[] = [];
      app.get(SessionService).events.subscribe((event) => events.push(event));
      const page = await (await chromium.newContext({ baseURL: url })).newPage();
      await page.goto('/pages/in');
      await page.goto('/pages');
      return { page, events, clock, store };
    }

    const statusOf = (page: Page) => page.evaluate(async () => (await fetch('/me')).status);

    it('by a fetch() that is aborted, where a rotation is due, keeps the user logged in', async () => {
      const { page, events, clock, store } = await open();
      clock.advance('16m');
      store.late = true;
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
      clock.advance('11s');
      expect(await statusOf(page)).toBe(200);
      expect(events.filter(({ type }) => type === 'rotated')).toHaveLength(1);
      expect(events.filter(({ type }) => type === 'reused' || type === 'ended')).toEqual([]);
    });

    it('by a second click, where a rotation is due, keeps the user logged in', async () => {
      const { page, events, clock, store } = await open();
      clock.advance('16m');
      store.late = true;
      const first = page.goto('/pages/slow').catch(() => undefined);
      await gate.reached;
      clock.advance('11s');
      await page.goto('/pages');
      gate.open();
      await first;
      expect(await statusOf(page)).toBe(200);
      expect(events.filter(({ type }) => type === 'rotated')).toHaveLength(1);
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
