import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { Passive, SessionService, type SessionEvent } from 'nest-sessions';
import { AppController, type Data } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { describeEveryStore, type MakeStore } from '../support/every-store.js';
import { closeAll, start, type PlatformName, type Setup } from '../support/platforms.js';

afterEach(closeAll);

@Controller('rotations')
class RotationsController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Get('passive')
  @Passive()
  passive() {
    return { subject: this.sessions.current.subject };
  }

  @Get('fails')
  fails() {
    throw new Error('This handler fails.');
  }

  /** Twice in one request. */
  @Post('relogin-twice')
  @HttpCode(200)
  async reloginTwice() {
    await this.sessions.relogin();
    await this.sessions.relogin({ factor: 'otp' });
    return { ok: true };
  }
}

async function run(platform: PlatformName, make: MakeStore, options: Setup['options'] = {}) {
  const running = await start(platform, {
    controllers: [AppController, RotationsController],
    options: { store: await make(), storeTimeout: '10s', ...options },
  });
  const sessions = running.app.get<SessionService<Data>>(SessionService);
  const events: SessionEvent[] = [];
  sessions.events.subscribe((event) => events.push(event));
  const browser = new Browser(running.url);
  await browser.post('/login', { user: 'alice' });
  const told = (type: SessionEvent['type']) => events.filter((event) => event.type === type);
  const status = async (cookie: string) => (await browser.get('/me', { cookie })).status;
  return { ...running, sessions, events, browser, told, status };
}

/** The Cookie header of the last answer, for a client whose jar was not told of it. */
const given = ({ setCookies }: { setCookies: string[] }) => setCookies.at(-1)?.split(';')[0];

describeEveryStore('a periodic rotation', (platform, make) => {
  it('keeps the session of a client whose response was lost: the predecessor stays valid, and leads to one successor', async () => {
    const { browser, clock, told, status } = await run(platform, make);
    const old = browser.cookie;
    clock.advance('16m');
    const lost = await browser.get('/me', { cookie: old });
    expect(lost.status).toBe(200);
    for (const later of ['1s', '11s', '5m', '20m'] as const) {
      clock.advance(later);
      const again = await browser.get('/me', { cookie: old });
      expect([later, again.status, given(again)]).toEqual([later, 200, given(lost)]);
    }
    expect(told('rotated')).toHaveLength(1);
    expect([told('reused'), told('ended')]).toEqual([[], []]);
    expect(await status(given(lost)!)).toBe(200);
  });

  it.each(['/me', '/rotations/passive', '/rotations/fails', '/rotations/nowhere'])(
    'is confirmed by the first request with the successor: %s',
    async (path) => {
      const { browser, clock, told, status } = await run(platform, make);
      const old = browser.cookie;
      clock.advance('16m');
      await browser.get('/me');
      await browser.get(path);
      clock.advance('9s');
      expect(await status(old)).toBe(200);
      clock.advance('1s');
      expect(await status(old)).toBe(401);
      expect(told('reused')).toHaveLength(1);
      expect(told('ended')).toMatchObject([{ reason: 'reused', subject: 'alice' }]);
      expect(await status(browser.cookie)).toBe(401);
    },
  );

  it('is confirmed by a handshake', async () => {
    const { browser, clock, sessions, status, told } = await run(platform, make);
    const old = browser.cookie;
    clock.advance('16m');
    await browser.get('/me');
    await sessions.open({ cookie: browser.cookie });
    clock.advance('10s');
    expect(await status(old)).toBe(401);
    expect(told('reused')).toHaveLength(1);
  });

  it('is followed by no other one while it is pending', async () => {
    const { browser, clock, told } = await run(platform, make, { idle: '10h' });
    const old = browser.cookie;
    for (let i = 0; i < 4; i++) {
      clock.advance('16m');
      expect((await browser.get('/me', { cookie: old })).status).toBe(200);
    }
    expect(told('rotated')).toHaveLength(1);
  });

  it('is confirmed and followed by another by one commit', async () => {
    const { browser, clock, told, status } = await run(platform, make);
    const first = browser.cookie;
    clock.advance('16m');
    await browser.get('/me');
    const second = browser.cookie;
    clock.advance('16m');
    await browser.get('/me');
    expect(new Set([first, second, browser.cookie]).size).toBe(3);
    expect(told('rotated')).toHaveLength(2);
    // The first one has its grace, and opens nothing.
    expect(await status(first)).toBe(401);
    expect(told('reused')).toEqual([]);
    expect(await status(second)).toBe(200);
    clock.advance('10s');
    expect(await status(first)).toBe(401);
    expect(told('reused')).toHaveLength(1);
  });

  it('is superseded without an alarm where the successor is not presented for as long as the idle timeout', async () => {
    const { browser, clock, told, status } = await run(platform, make, { idle: '30m' });
    const old = browser.cookie;
    clock.advance('16m');
    const lost = await browser.get('/me', { cookie: old });
    clock.advance('20m');
    expect(await status(old)).toBe(200);
    clock.advance('10m');
    const lapsed = await browser.get('/me', { cookie: old });
    expect([lapsed.status, lapsed.setCookies]).toEqual([401, []]);
    expect([told('reused'), told('ended')]).toEqual([[], []]);
    expect(await status(given(lost)!)).toBe(200);
  });

  it('is superseded without an alarm after a day, however long the idle timeout', async () => {
    const { browser, clock, told, status } = await run(platform, make, { idle: '10d' });
    const old = browser.cookie;
    clock.advance('16m');
    await browser.get('/me', { cookie: old });
    clock.advance('23h');
    expect(await status(old)).toBe(200);
    clock.advance('1h');
    expect(await status(old)).toBe(401);
    expect([told('reused'), told('ended')]).toEqual([[], []]);
  });

  it('does not log out who sends a form twice, or a code right after the password', async () => {
    const { browser, clock, told, status } = await run(platform, make);
    const first = browser.cookie;
    clock.advance('16m');
    await browser.get('/me');
    await browser.post('/relogin', {});
    await browser.post('/rotations/relogin-twice', {});
    expect(await status(first)).toBe(401);
    expect(await status(browser.cookie)).toBe(200);
    expect(told('reused')).toEqual([]);
    clock.advance('10s');
    expect(await status(first)).toBe(401);
    expect(told('reused')).toHaveLength(1);
  });

  it('recognises more predecessors than it stores', async () => {
    const { browser, clock, told, status } = await run(platform, make);
    const first = browser.cookie;
    for (let i = 0; i < 12; i++) await browser.post('/relogin', {});
    await browser.get('/me');
    expect(await status(first)).toBe(401);
    expect(told('reused')).toEqual([]);
    clock.advance('10s');
    expect(await status(first)).toBe(401);
    expect(told('reused')).toHaveLength(1);
  });
});

describeEveryStore('the predecessor of a re-login or regenerate', (platform, make) => {
  it.each(['/relogin', '/regenerate'])(
    'opens nothing, and is no sign of theft until the successor was presented: %s',
    async (path) => {
      const { browser, clock, told, status } = await run(platform, make);
      const old = browser.cookie;
      const lost = await browser.post(path, {}, { cookie: old });
      expect(lost.status).toBe(200);
      for (const later of ['1s', '20s', '5m'] as const) {
        clock.advance(later);
        expect(await status(old)).toBe(401);
      }
      expect([told('reused'), told('ended')]).toEqual([[], []]);
      expect(await status(given(lost)!)).toBe(200);
      clock.advance('9s');
      expect(await status(old)).toBe(401);
      expect(told('reused')).toEqual([]);
      clock.advance('1s');
      expect(await status(old)).toBe(401);
      expect(told('reused')).toHaveLength(1);
      expect(await status(given(lost)!)).toBe(401);
    },
  );

  it('cannot take the place of the cookie that its client just got', async () => {
    const { browser } = await run(platform, make);
    const old = browser.cookie;
    await browser.post('/relogin', {});
    const straggler = await browser.post('/data', { visits: 1 }, { cookie: old });
    expect([straggler.status, straggler.setCookies]).toEqual([401, []]);
    expect((await browser.get('/look')).json()).toMatchObject({ subject: 'alice', data: {} });
  });
});

describeEveryStore('several cookies of the name', (platform, make) => {
  it('are distinguished: the live one counts, beside a predecessor after its grace', async () => {
    const { browser, clock, told } = await run(platform, make);
    const old = browser.cookie;
    clock.advance('16m');
    await browser.get('/me');
    await browser.get('/me');
    clock.advance('1m');
    for (const cookie of [`${old}; ${browser.cookie}`, `${browser.cookie}; ${old}`]) {
      const answer = await browser.get('/me', { cookie });
      expect([answer.status, answer.setCookies]).toEqual([200, []]);
    }
    expect([told('reused'), told('ended')]).toEqual([[], []]);
  });

  it('confirm a rotation where the successor is among them', async () => {
    const { browser, clock, told, status } = await run(platform, make);
    const old = browser.cookie;
    clock.advance('16m');
    await browser.get('/me');
    for (const cookie of [`${old}; ${browser.cookie}`, `${browser.cookie}; ${old}`])
      expect((await browser.get('/me', { cookie })).setCookies).toEqual([]);
    clock.advance('10s');
    expect(await status(old)).toBe(401);
    expect(told('reused')).toHaveLength(1);
  });

  it('do not hide the genuine one, however many they are', async () => {
    const { browser } = await run(platform, make);
    const [name] = browser.cookie.split('=');
    const foreign = Array.from({ length: 100 }, (_, i) => `${name}=foreign${i}`);
    for (const cookie of [
      [browser.cookie, ...foreign],
      [...foreign, browser.cookie],
    ]) {
      const answer = await browser.get('/me', { cookie: cookie.join('; ') });
      expect([answer.status, answer.setCookies]).toEqual([200, []]);
    }
  });
});

/** docs/security.md, "A cookie that was copied": each row of the table. */
describeEveryStore('a copied cookie', (platform, make) => {
  async function stolen(options: Setup['options'] = {}) {
    const running = await run(platform, make, options);
    const thief = new Browser(running.url);
    const copy = running.browser.cookie;
    /** The thief takes whatever cookie an answer gives. */
    const use = async (cookie: string, path = '/me') => {
      const answer = await thief.get(path, { cookie });
      return { status: answer.status, cookie: given(answer) ?? cookie };
    };
    return { ...running, copy, use };
  }

  it('that is used after the owner presented a successor, and the grace, ends the session', async () => {
    const { browser, clock, copy, use, told } = await stolen();
    clock.advance('16m');
    await browser.get('/me');
    await browser.get('/me');
    clock.advance('10s');
    expect((await use(copy)).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(401);
    expect(told('reused')).toHaveLength(1);
  });

  it('that its thief rotates is found when the owner comes after the grace', async () => {
    const { browser, clock, copy, use, told } = await stolen();
    clock.advance('16m');
    const { cookie } = await use(copy);
    await use(cookie);
    clock.advance('10s');
    expect((await browser.get('/me')).status).toBe(401);
    expect((await use(cookie)).status).toBe(401);
    expect(told('reused')).toHaveLength(1);
  });

  it('that both use within the grace leads both to one successor, unnoticed', async () => {
    const { browser, clock, copy, use, told } = await stolen();
    clock.advance('16m');
    await browser.get('/me');
    const thief = await use(copy);
    expect(thief).toEqual({ status: 200, cookie: browser.cookie });
    clock.advance('10s');
    expect((await use(thief.cookie)).status).toBe(200);
    expect(told('reused')).toEqual([]);
  });

  it('on a passive route follows the rotations only where it takes up the cookies that come', async () => {
    const { browser, clock, copy, use, told } = await stolen();
    clock.advance('16m');
    await browser.get('/me');
    await browser.get('/me');
    clock.advance('9s');
    const polling = await use(copy, '/rotations/passive');
    expect(polling).toEqual({ status: 200, cookie: browser.cookie });
    clock.advance('1s');
    expect((await use(polling.cookie, '/rotations/passive')).status).toBe(200);
    expect(told('reused')).toEqual([]);
    expect((await use(copy, '/rotations/passive')).status).toBe(200); // anonymous
    expect(told('reused')).toHaveLength(1);
    expect((await use(polling.cookie)).status).toBe(401);
  });

  it('of long ago ends the session that it belongs to, and no other one', async () => {
    const { browser, clock, copy, url, use, told } = await stolen({ idle: '20d' });
    const second = new Browser(url);
    await second.post('/login', { user: 'alice' });
    for (let day = 0; day < 12; day++) {
      clock.advance('1d');
      await browser.get('/me');
      await browser.get('/me');
    }
    expect((await use(copy)).status).toBe(401);
    expect(told('ended')).toMatchObject([{ reason: 'reused' }]);
    expect((await browser.get('/me')).status).toBe(401);
    expect((await second.get('/me')).status).toBe(200);
  });
});
