import { Controller, HttpCode, Post } from '@nestjs/common';
import { isSessionError, Session } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { sites } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start, type Site } from '../../support/platforms.js';

afterEach(closeAll);

type Data = Record<string, unknown>;

class Address {
  constructor(readonly city: string) {}
  get label(): string {
    return this.city.toUpperCase();
  }
}

/** What a value becomes if it is only handed to JSON.stringify. */
const LOST: [string, unknown, string][] = [
  ['a Map', new Map([['a', 1]]), ''],
  ['a Set', new Set([1]), ''],
  ['a RegExp', /x/, ''],
  ['an Error', new Error('x'), ''],
  ['a typed array', new Uint8Array(2), ''],
  ['a Date', new Date(0), ''],
  ['NaN deep inside', { items: [1, { price: NaN }] }, '.items[1].price'],
  ['Infinity', Infinity, ''],
  ['undefined in an array', [1, undefined], '[1]'],
  ['a function in an object', { f: () => 1 }, '.f'],
  ['a symbol in an object', { s: Symbol('x') }, '.s'],
  ['a BigInt', 1n, ''],
];

let value: unknown;
let caught: unknown;

@Controller()
class JsonController {
  @Post('assign') @HttpCode(200) assign(@Session() session: Session<Data>) {
    session.data['cart'] = value;
    return { ok: true };
  }

  @Post('commit') @HttpCode(200) async commit(@Session() session: Session<Data>) {
    session.data['cart'] = value;
    await noted(() => session.commit());
  }

  @Post('update') @HttpCode(200) async update(@Session() session: Session<Data>) {
    await noted(() => session.update('cart', () => value));
  }
}

async function noted(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    caught = error;
    throw error;
  }
}

async function open(site: Site): Promise<Browser> {
  const { url } = await start(site, { controllers: [AppController, JsonController] });
  return new Browser(url);
}

describe.each(sites)('what JSON does not give back, on %s,', (site) => {
  beforeEach(() => (caught = undefined));

  it.each(LOST)('is refused by its path: %s', async (_, lost, path) => {
    const browser = await open(site);
    await browser.post('/data', { cart: 'before' });
    value = lost;
    expect((await browser.post('/assign')).status).toBe(500);
    for (const how of ['/commit', '/update']) {
      caught = undefined;
      expect([how, (await browser.post(how)).status]).toEqual([how, 500]);
      expect(isSessionError(caught)).toBe(true);
      expect(caught).toMatchObject({
        code: 'ERR_DATA_NOT_SERIALIZABLE',
        message: expect.stringContaining(`session.data.cart${path} cannot be written as JSON`),
      });
    }
    expect((await browser.get('/look')).json()).toMatchObject({ data: { cart: 'before' } });
  });

  it('is refused in a session that is not stored yet', async () => {
    const browser = await open(site);
    value = new Map();
    for (const how of ['/assign', '/commit', '/update'])
      expect([how, (await browser.post(how)).status]).toEqual([how, 500]);
    expect(browser.cookie).toBe('');
  });

  it.each<[string, unknown, unknown]>([
    ['an instance of a class, by its own properties', new Address('Oslo'), { city: 'Oslo' }],
    ['an optional property that is undefined', { a: 1, b: undefined }, { a: 1 }],
    ['-0', [-0], [0]],
  ])('does not include %s', async (_, kept, back) => {
    const browser = await open(site);
    value = kept;
    expect((await browser.post('/assign')).status).toBe(200);
    expect((await browser.get('/look')).json()).toMatchObject({ data: { cart: back } });
  });
});
