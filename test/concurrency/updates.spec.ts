import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { Session, SessionService, type SessionError } from 'nest-sessions';
import { AppController, type Data } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { describeEveryStore, type MakeStore } from '../support/every-store.js';
import { gate as makeGate } from '../support/gate.js';
import { closeAll, start, type PlatformName, type Setup } from '../support/platforms.js';

afterEach(closeAll);

let gate = makeGate();
beforeEach(() => (gate = makeGate()));

@Controller('updates')
class UpdatesController {
  /** Opens the session, lets others go first, and adds to `balance` after another change of its own. */
  @Post('late')
  @HttpCode(200)
  async late(@Session() session: Session<Data>, @Body() { commit }: { commit?: boolean }) {
    await gate.pass();
    session.data['other'] = 1;
    if (commit) await session.commit();
    return { balance: await session.update('balance', (value) => Number(value ?? 0) + 1) };
  }

  @Post('add/:amount')
  @HttpCode(200)
  async add(@Session() session: Session<Data>, @Param('amount') amount: string) {
    return { balance: await session.update('balance', (value) => Number(value ?? 0) + Number(amount)) };
  }

  @Post('nested/:inner')
  @HttpCode(200)
  async nested(@Session() session: Session<Data>, @Param('inner') inner: string) {
    try {
      return { value: await session.update('n', async () => session.update(inner, () => 2)) };
    } catch (error) {
      return { code: (error as SessionError).code };
    }
  }

  @Post('stuck')
  @HttpCode(200)
  async stuck(@Session() session: Session<Data>) {
    await session.update('balance', async (value) => {
      await gate.pass();
      return Number(value ?? 0) + 1;
    });
    return { ok: true };
  }
}

async function run(platform: PlatformName, make: MakeStore, options: Setup['options'] = {}) {
  const running = await start(platform, {
    controllers: [AppController, UpdatesController],
    options: { store: await make(), storeTimeout: '10s', ...options },
  });
  return { ...running, browser: new Browser(running.url), sessions: running.app.get(SessionService) };
}

describeEveryStore('session.update()', (platform, make) => {
  it.each([false, true])('counts on what others wrote before it (committed first: %s)', async (commit) => {
    const { browser } = await run(platform, make);
    await browser.post('/login', { user: 'alice' });
    const late = browser.post('/updates/late', { commit });
    await gate.reached;
    expect((await browser.post('/updates/add/100')).json()).toEqual({ balance: 100 });
    gate.open();
    expect((await late).json()).toEqual({ balance: 101 });
    expect((await browser.get('/look')).json()).toMatchObject({ data: { balance: 101, other: 1 } });
  });

  it.each([
    ['nothing else', '1s'],
    ['a roll', '2m'],
    ['a rotation', '16m'],
  ])('counts every one of twenty requests where %s is due', async (_, later) => {
    const { browser, clock } = await run(platform, make);
    await browser.post('/login', { user: 'alice' });
    clock.advance(later as '1s');
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.post('/increment/n')));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(answers.map((answer) => answer.json().value).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 20 }, (_one, i) => i + 1),
    );
    expect((await browser.get('/look')).json()).toMatchObject({ data: { n: 20 } });
  });

  it('is a typed error within an update of the same key, and not of another', async () => {
    const { browser } = await run(platform, make);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.post('/updates/nested/n')).json()).toEqual({ code: 'ERR_UPDATE_NESTED' });
    expect((await browser.post('/updates/nested/m')).json()).toEqual({ value: 2 });
    expect((await browser.get('/look')).json()).toMatchObject({ data: { n: 2, m: 2 } });
  });

  it('does not wait for ever for one that does not settle', async () => {
    const { browser } = await run(platform, make, { storeTimeout: '300ms' });
    await browser.post('/login', { user: 'alice' });
    const stuck = browser.post('/updates/stuck');
    await gate.reached;
    expect((await browser.post('/updates/add/10')).json()).toEqual({ balance: 10 });
    gate.open();
    expect((await stuck).status).toBe(200);
    expect((await browser.get('/look')).json()).toMatchObject({ data: { balance: 11 } });
  });
});
