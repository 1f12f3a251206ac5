import { Controller, Get } from '@nestjs/common';
import { Session } from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { sites, type BackendSite } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';

afterEach(closeAll);

@Controller('fresh')
class FreshController {
  @Get()
  fresh(@Session() session: Session<Data>) {
    const until = (within?: '5m' | '1h', factor?: string) =>
      session.freshUntil(within, factor)?.getTime() ?? null;
    return {
      until: until('5m'),
      byDefault: until(),
      longer: until('1h'),
      otp: until('1h', 'otp'),
      fresh: session.isFresh('5m'),
    };
  }

  @Get('forever')
  forever(@Session() session: Session<Data>) {
    return { until: session.freshUntil(Number.MAX_VALUE)?.toISOString() };
  }

  @Get('wrong')
  wrong(@Session() session: Session<Data>) {
    return { until: session.freshUntil('soon' as never) };
  }
}

async function open(site: BackendSite, options: Parameters<typeof start>[1] = {}) {
  const { url, clock } = await start(site, {
    controllers: [AppController, FreshController],
    ...options,
    options: { idle: '3h', ...options.options },
  });
  const browser = new Browser(url);
  const look = async () => (await browser.get('/fresh')).json();
  return { browser, clock, look };
}

const MINUTE = 60_000;

describe.each(sites)('session.freshUntil() on %s', (site) => {
  it('is when the re-login window ends, to the millisecond', async () => {
    const { browser, clock, look } = await open(site);
    const at = clock.now();
    await browser.post('/login', { user: 'alice' });
    const expected = { until: at + 5 * MINUTE, longer: at + 60 * MINUTE, otp: null };
    expect(await look()).toMatchObject({ ...expected, fresh: true });
    clock.advance('3m');
    expect(await look()).toMatchObject({ ...expected, fresh: true });
    clock.advance('2m');
    expect(clock.now()).toBe(at + 5 * MINUTE);
    expect(await look()).toMatchObject({ ...expected, fresh: true });
    expect((await browser.get('/sensitive')).status).toBe(200);
    clock.advance(1);
    expect(await look()).toMatchObject({ until: null, longer: at + 60 * MINUTE, fresh: false });
    expect((await browser.get('/sensitive')).status).toBe(401);
  });

  it('goes by the option relogin.within where no window is given', async () => {
    const { browser, clock, look } = await open(site, { options: { relogin: { within: '20m' } } });
    await browser.post('/login', { user: 'alice' });
    expect(await look()).toMatchObject({ byDefault: clock.now() + 20 * MINUTE });
  });

  it('moves with a re-login, and knows each factor by itself', async () => {
    const { browser, clock, look } = await open(site);
    const at = clock.now();
    await browser.post('/login', { user: 'alice' });
    clock.advance('10m');
    await browser.post('/relogin', { factor: 'otp' });
    expect(await look()).toMatchObject({
      until: at + 15 * MINUTE,
      byDefault: at + 15 * MINUTE,
      otp: at + 70 * MINUTE,
    });
  });

  it('is not there without a login, after a logout, and while another client uses the session', async () => {
    const { browser, look } = await open(site, { options: { protection: 'basic' } });
    expect(await look()).toMatchObject({ until: null, byDefault: null, fresh: false });
    await browser.post('/login', { user: 'alice' }, { headers: { 'user-agent': 'one' } });
    const other = (await browser.get('/fresh', { headers: { 'user-agent': 'two' } })).json();
    expect(other).toMatchObject({ until: null, longer: null, fresh: false });
    await browser.post('/logout');
    expect(await look()).toMatchObject({ until: null });
  });

  it('takes the longest window, and refuses what is none', async () => {
    const { browser } = await open(site);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/fresh/forever')).json()).toEqual({ until: '+275760-09-13T00:00:00.000Z' });
    expect((await browser.get('/fresh/wrong')).status).toBe(500);
  });
});
