import { Controller, Post, HttpCode } from '@nestjs/common';
import { Session, SessionService } from 'nest-sessions';
import { SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { gate, type Gate } from '../../support/gate.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';

afterEach(closeAll);

let held: Gate;

/** Handlers that wait until the spec lets them go on. */
@Controller('slow')
class SlowController {
  constructor(private readonly sessions: SessionService<Record<string, unknown>>) {}

  @Post('write')
  @HttpCode(200)
  async write(@Session() session: Session<Record<string, unknown>>) {
    session.data['late'] = true;
    await held.pass();
    return { ok: true };
  }

  @Post('roll')
  @HttpCode(200)
  async roll() {
    await held.pass();
    return { ok: true };
  }

  @Post('regenerate')
  @HttpCode(200)
  async regenerate() {
    await held.pass();
    await this.sessions.regenerate();
    return { ok: true };
  }

  @Post('relogin')
  @HttpCode(200)
  async relogin() {
    await held.pass();
    await this.sessions.relogin();
    return { ok: true };
  }
}

async function run(platform: PlatformName) {
  held = gate();
  const { url, clock } = await start(platform, {
    controllers: [AppController, SlowController],
    options: { store: new SealedCookie() },
  });
  const browser = new Browser(url);
  await browser.post('/login', { user: 'alice' });
  clock.advance('2m');
  const status = async (cookie: string) => (await new Browser(url).get('/me', { cookie })).status;
  const cookiesOf = (answer: { setCookies: string[] }) => answer.setCookies.map((one) => one.split(';')[0]!);
  return { url, clock, browser, status, cookiesOf };
}

const ways = ['write', 'roll', 'regenerate', 'relogin'] as const;
const endings = [
  ['logout', '/logout', {}],
  ['logout everywhere', '/logout-everywhere', {}],
] as const;
const table = platforms.flatMap(([platform]) =>
  ways.flatMap((way) => endings.map(([ending, path]) => [platform, way, ending, path] as const)),
);

describe.each(table)('on %s a slow %s overtaken by a %s', (platform, way, _ending, path) => {
  it('gets no valid cookie', async () => {
    const { url, browser, status, cookiesOf } = await run(platform);
    const { cookie } = browser;
    const slow = new Browser(url).post(`/slow/${way}`, undefined, { cookie });
    await held.reached;
    expect((await browser.post(path)).status).toBe(200);
    held.open();
    const answer = await slow;
    for (const late of [cookie, ...cookiesOf(answer)]) expect(await status(late)).toBe(401);
    // A missed roll is not an error; a write that was not stored is.
    expect(answer.status).toBe(way === 'roll' ? 200 : 401);
  });
});

describe.each(platforms)('races on %s', (platform) => {
  it('a slow write overtaken by a re-login gets no valid cookie', async () => {
    const { url, browser, status, cookiesOf } = await run(platform);
    const { cookie } = browser;
    const slow = new Browser(url).post('/slow/write', undefined, { cookie });
    await held.reached;
    await browser.post('/relogin', {});
    held.open();
    const answer = await slow;
    expect(answer.status).toBe(401);
    for (const late of cookiesOf(answer)) expect(await status(late)).toBe(401);
    expect(await status(browser.cookie)).toBe(200);
  });

  it('of concurrent re-logins one succeeds, and the others get no valid cookie', async () => {
    const { url, browser, status, cookiesOf } = await run(platform);
    const { cookie } = browser;
    const answers = await Promise.all([1, 2, 3].map(() => new Browser(url).post('/relogin', {}, { cookie })));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401]);
    const fresh = answers.flatMap(cookiesOf).filter((one) => !one.endsWith('='));
    expect(fresh).toHaveLength(1);
    expect(await status(fresh[0]!)).toBe(200);
  });

  it('50 concurrent requests at a rotation all succeed, and the session stays live', async () => {
    const { url, clock, browser, status, cookiesOf } = await run(platform);
    const { cookie } = browser;
    clock.advance('16m');
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => new Browser(url).get('/me', { cookie })),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    clock.advance('1m');
    for (const late of answers.slice(0, 5).flatMap(cookiesOf)) expect(await status(late)).toBe(200);
  });

  it('the order of several cookies in one request does not matter', async () => {
    const { url, browser } = await run(platform);
    const [good, bad] = [browser.cookie, '__Host-session=v1.AAAAAAAA.AAAA'];
    const other = new Browser(url);
    for (const cookie of [`${good}; ${bad}`, `${bad}; ${good}`, `${bad}; x=1; ${good}; ${bad}`])
      expect((await other.get('/me', { cookie })).json()).toEqual({ subject: 'alice' });
  });
});
