import type { Type } from '@nestjs/common';
import { Browser } from '../support/browser.js';
import { platforms, SECRET } from '../support/platforms.js';
import { load } from './examples.js';
import { closeServed, serve } from './serve.js';

afterEach(closeServed);

describe.each(platforms)('the quick start of the README on %s', (platform) => {
  const env = { SESSION_SECRET: SECRET, DEMO_PASSWORD: 'a-cup-of-tea' };
  beforeEach(() => void Object.assign(process.env, env));
  afterEach(() => {
    for (const name of Object.keys(env)) delete process.env[name];
  });

  it('keeps a cart through a login, and ends at the logout', async () => {
    const { AppModule } = await load<{ AppModule: Type }>('README.md', 'Quick start');
    const browser = new Browser(await serve(platform, { imports: [AppModule] }));
    expect((await browser.get('/account')).status).toBe(401);
    expect((await browser.post('/cart', { item: 'tea' })).status).toBe(201);
    await Promise.all(['milk', 'cake'].map((item) => browser.post('/cart', { item })));
    expect((await browser.post('/login', { name: 'alice', password: 'no' })).status).toBe(401);
    expect((await browser.post('/login', { name: 'alice', password: env.DEMO_PASSWORD })).status).toBe(201);
    const account = (await browser.get('/account')).json<{ user: string; cart: string[] }>();
    expect(account).toMatchObject({ user: 'alice' });
    // None of the simultaneous additions is lost.
    expect(account.cart.sort()).toEqual(['cake', 'milk', 'tea']);
    expect((await browser.post('/email')).status).toBe(201);
    const { cookie } = browser;
    expect((await browser.post('/logout')).status).toBe(201);
    expect((await browser.get('/account', { cookie })).status).toBe(401);
  });

  it('passes the test that the README prints', async () => {
    const { AccountController } = await load<{ AccountController: Type }>('README.md', 'Quick start');
    const tests: (() => Promise<void>)[] = [];
    const { it: own } = globalThis;
    const collect = (_: string, test: () => Promise<void>) => void tests.push(test);
    try {
      await load('README.md', 'Test your application', { AccountController, it: collect });
    } finally {
      globalThis.it = own;
    }
    expect(tests).toHaveLength(1);
    await tests[0]!();
  });

  it('refuses every login while no password is set', async () => {
    delete process.env['DEMO_PASSWORD'];
    const { AppModule } = await load<{ AppModule: Type }>('README.md', 'Quick start');
    const browser = new Browser(await serve(platform, { imports: [AppModule] }));
    const forms = [
      undefined,
      {},
      { name: 'alice' },
      { name: 'alice', password: '' },
      { name: 'alice', password: null },
    ];
    for (const form of forms) expect((await browser.post('/login', form)).status).toBe(401);
    expect(browser.cookie).toBe('');
  });

  it.each([undefined, '', 1, ['alice'], 'a'.repeat(300)])('refuses the name %j', async (name) => {
    const { AppModule } = await load<{ AppModule: Type }>('README.md', 'Quick start');
    const browser = new Browser(await serve(platform, { imports: [AppModule] }));
    expect((await browser.post('/login', { name, password: env.DEMO_PASSWORD })).status).toBe(401);
  });
});
