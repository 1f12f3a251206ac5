import { Controller, HttpCode, Post } from '@nestjs/common';
import { MemoryStore, Session, SessionService } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { gate, type Gate } from '../../support/gate.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';

afterEach(closeAll);

let held: Gate;

/** A handler that waits until the spec lets it go on. */
@Controller('slow')
class SlowController {
  @Post('write')
  @HttpCode(200)
  async write(@Session() session: Session<Record<string, unknown>>) {
    session.data['late'] = true;
    await held.pass();
    return { ok: true };
  }
}

/** A list whose next query the spec may delay. */
class SlowList extends MemoryRevocations {
  delayed: Gate | undefined;

  override fresh(): void | Promise<void> {
    return this.delayed?.pass();
  }
}

async function run(platform: PlatformName) {
  held = gate();
  const revocations = new SlowList();
  const { url, app, clock } = await start(platform, {
    controllers: [AppController, SlowController],
    options: { store: new SealedCookie({ revocations, index: new MemoryStore() }) },
  });
  const browser = new Browser(url);
  await browser.post('/login', { user: 'alice' });
  const status = async (cookie: string) => (await new Browser(url).get('/me', { cookie })).status;
  const listed = async () => (await app.get(SessionService).list('alice')).length;
  return { url, clock, browser, revocations, status, listed };
}

describe.each(platforms)(
  'sealed cookies whose time is over while a request is in progress, on %s',
  (platform) => {
    it('a session that the request rolls is listed again', async () => {
      const { clock, browser, status, listed } = await run(platform);
      clock.advance('29m');
      const slow = browser.post('/slow/write');
      await held.reached;
      clock.advance('2m');
      expect(await listed()).toBe(0);
      held.open();
      expect((await slow).status).toBe(200);
      expect([await status(browser.cookie), await listed()]).toEqual([200, 1]);
    });

    it('a session that ended meanwhile is not', async () => {
      const { url, clock, browser, listed } = await run(platform);
      clock.advance('2m');
      const slow = new Browser(url).post('/slow/write', undefined, { cookie: browser.cookie });
      await held.reached;
      expect((await browser.post('/logout')).status).toBe(200);
      held.open();
      expect([(await slow).status, await listed()]).toEqual([401, 0]);
    });

    it('an old cookie that expires while the list is queried does not end its session', async () => {
      const { url, clock, browser, revocations, status, listed } = await run(platform);
      const old = browser.cookie;
      clock.advance('29m');
      await browser.get('/me');
      expect(browser.cookie).not.toBe(old);
      revocations.delayed = gate();
      const late = new Browser(url).get('/me', { cookie: old });
      await revocations.delayed.reached;
      clock.advance('2m');
      revocations.delayed.open();
      expect((await late).status).toBe(401);
      revocations.delayed = undefined;
      expect([await status(browser.cookie), await listed()]).toEqual([200, 1]);
    });
  },
);
