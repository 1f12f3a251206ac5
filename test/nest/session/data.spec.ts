import { format, inspect } from 'node:util';
import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { isSessionError, Session, SessionService, type SessionEvent } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { BackendSite, sites } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';

afterEach(closeAll);

type Act = (data: any, session: Session<any>) => unknown;

/** What the handler does to the data; set by each spec. */
let act: Act = () => undefined;

/** What the handler caught, if anything. */
let caught: unknown;

@Controller()
class DataController {
  @Post('act')
  @HttpCode(200)
  async act(@Session() session: Session<Record<string, unknown>>) {
    try {
      return { result: (await act(session.data, session)) ?? null, state: session.state };
    } catch (error) {
      caught = error;
      throw error;
    }
  }

  @Post('write')
  @HttpCode(200)
  async write(@Session() session: Session<Record<string, unknown>>) {
    await act(session.data, session);
    return { ok: true };
  }

  @Post('replace')
  @HttpCode(200)
  replace(@Session() session: Session<Record<string, unknown>>, @Body() body: Record<string, unknown>) {
    session.data = body;
    return { ok: true };
  }

  @Get('key')
  key(@Session('cart') cart: unknown) {
    return { cart: cart ?? null };
  }
}

async function open(on: PlatformName | BackendSite) {
  const store = new SpyStore();
  const running = await start(on, {
    controllers: [AppController, DataController],
    options: { store: on instanceof BackendSite ? on.backend.over(store) : store },
  });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  const browser = new Browser(running.url);
  const run = async (what: Act) => {
    act = what;
    return (await browser.post('/act')).json();
  };
  /** The error that `what` fails with. */
  const refusal = async (what: Act): Promise<{ code?: string; message?: string }> => {
    caught = undefined;
    expect((await run(what))['statusCode']).toBe(500);
    expect(isSessionError(caught)).toBe(true);
    return caught as Error;
  };
  /** What a next request reads after a first one put `initial` in and a second one did `what`. */
  const after = async (initial: object, what: Act) => {
    await browser.post('/data', initial);
    store.forget();
    act = what;
    const answer = await browser.post('/write');
    // A store is told of a write by a commit, a sealed cookie is written by Set-Cookie.
    const writes = store.count('commit') + answer.setCookies.length;
    const { data } = (await browser.get('/look')).json<{ data: object }>();
    return { status: answer.status, data, writes };
  };
  return { ...running, store, events, browser, run, refusal, after };
}

const CART = { items: [{ sku: 'book', count: 1 }], note: 'x' };

describe.each(sites)('session data on %s', (site) => {
  it.each<[string, Act, object]>([
    ['a new key', (data) => (data.b = 2), { cart: CART, a: 1, b: 2 }],
    ['another value', (data) => (data.a = 'one'), { cart: CART, a: 'one' }],
    ['a deleted key', (data) => delete data.a, { cart: CART }],
    ['undefined', (data) => (data.a = undefined), { cart: CART }],
    ['null', (data) => (data.a = null), { cart: CART, a: null }],
    [
      'a nested value',
      (data) => (data.cart.items[0].count = 2),
      { cart: { ...CART, items: [{ sku: 'book', count: 2 }] }, a: 1 },
    ],
    [
      'a nested push',
      (data) => data.cart.items.push({ sku: 'pen' }),
      { cart: { ...CART, items: [...CART.items, { sku: 'pen' }] }, a: 1 },
    ],
    ['a nested delete', (data) => delete data.cart.note, { cart: { items: CART.items }, a: 1 }],
    ['Object.assign', (data) => Object.assign(data, { a: 2, c: [] }), { cart: CART, a: 2, c: [] }],
    [
      'Object.defineProperty',
      (data) =>
        Object.defineProperty(data, 'd', { value: 4, writable: true, enumerable: true, configurable: true }),
      { cart: CART, a: 1, d: 4 },
    ],
    [
      'delete and set again',
      (data) => {
        delete data.a;
        data.a = 5;
      },
      { cart: CART, a: 5 },
    ],
    [
      'a change after an await',
      async (data) => {
        const { cart } = data;
        await Promise.resolve();
        cart.note = 'y';
      },
      { cart: { ...CART, note: 'y' }, a: 1 },
    ],
    [
      'a key that every object has',
      (data) => {
        data.toString = 'mine';
        data.constructor = 1;
      },
      { cart: CART, a: 1, toString: 'mine', constructor: 1 },
    ],
    ['all of it', (_, session) => (session.data = { z: 26 }), { z: 26 }],
  ])('stores %s', async (_, what, expected) => {
    const { after } = await open(site);
    const { status, data, writes } = await after({ cart: CART, a: 1 }, what);
    expect([status, data, writes]).toEqual([200, expected, 1]);
  });

  it.each<[string, Act]>([
    ['reading', (data) => [data.cart.items[0].sku, data.a, data.nothing]],
    ['looking with "in" and at the keys', (data) => ['cart' in data, Object.keys(data), 'x' in data]],
    ['spreading', (data) => ({ ...data })],
    ['JSON.stringify', (data) => JSON.stringify(data)],
    ['structuredClone of a value', (data) => structuredClone(data.cart)],
    [
      'assigning the same',
      (data) => {
        data.a = 1;
        data.cart = { ...data.cart };
      },
    ],
    [
      'changing and changing back',
      (data) => {
        data.cart.note = 'y';
        data.cart.note = 'x';
      },
    ],
    ['deleting what is not there', (data) => delete data.nothing],
    ['assigning undefined to what is not there', (data) => (data.nothing = undefined)],
  ])('writes nothing for %s', async (_, what) => {
    const { after } = await open(site);
    const { status, data, writes } = await after({ cart: CART, a: 1 }, what);
    expect([status, data, writes]).toEqual([200, { cart: CART, a: 1 }, 0]);
  });

  it('looks like a plain object without a prototype', async () => {
    const { browser, run } = await open(site);
    await browser.post('/data', { cart: CART, a: 1 });
    const { result } = await run((data) => [
      { ...data },
      JSON.stringify(data),
      Object.keys(data),
      Object.entries(data),
      ['a' in data, 'b' in data, 'toString' in data, Object.hasOwn(data, 'toString')],
      Object.getPrototypeOf(data),
      typeof data.toString,
      data.b === undefined,
      Object.getOwnPropertyDescriptor(data, 'a'),
    ]);
    expect(result).toEqual([
      { cart: CART, a: 1 },
      JSON.stringify({ cart: CART, a: 1 }),
      ['cart', 'a'],
      Object.entries({ cart: CART, a: 1 }),
      [true, false, false, false],
      null,
      'undefined',
      true,
      { value: 1, writable: true, enumerable: true, configurable: true },
    ]);
    expect((await browser.get('/key')).json()).toEqual({ cart: CART });
  });

  it.each<[string, Act]>([
    ['a BigInt', (data) => (data.a = 1n)],
    [
      'a cycle',
      (data) => {
        const loop: Record<string, unknown> = {};
        loop['self'] = loop;
        data.a = loop;
      },
    ],
    ['a function', (data) => (data.a = () => 1)],
    ['a symbol', (data) => (data.a = Symbol('x'))],
    ['a BigInt deep inside', (data) => (data.cart.items[0].count = 1n)],
    [
      'a toJSON that throws',
      (data) =>
        (data.a = {
          toJSON() {
            throw new Error('no');
          },
        }),
    ],
  ])('refuses %s by name, and stores nothing', async (_, what) => {
    const { after, refusal, browser } = await open(site);
    const { status, data, writes } = await after({ cart: CART, a: 1 }, what);
    expect([status, data, writes]).toEqual([500, { cart: CART, a: 1 }, 0]);
    const told = await refusal(async (values, session) => {
      what(values, session);
      await session.commit();
    });
    expect(told).toMatchObject({ code: 'ERR_DATA_NOT_SERIALIZABLE' });
    expect(told.message).toMatch(
      /session\.data\.(?:a(?:\.self)?|cart\.items\[0\]\.count) cannot be written as JSON\. Store plain values/,
    );
    expect((await browser.get('/look')).json()).toMatchObject({ data: { cart: CART, a: 1 } });
  });

  it.each<[string, Act]>([
    ['__proto__', (data) => (data['__proto__'] = { isAdmin: true })],
    ['an empty key', (data) => (data[''] = 1)],
    ['a symbol', (data) => (data[Symbol('x')] = 1)],
    [
      '__proto__ by Object.assign',
      (data) => Object.assign(data, JSON.parse('{"__proto__": {"isAdmin": true}}')),
    ],
    ['half a surrogate pair', (data) => (data['\uD800'] = 1)],
    ['a NUL', (data) => (data['a\0b'] = 1)],
    ['__proto__ by update()', (_, session) => session.update('__proto__', () => ({ isAdmin: true }))],
    ['an accessor', (data) => Object.defineProperty(data, 'a', { get: () => 1, configurable: true })],
  ])('refuses as a key: %s', async (_, what) => {
    const { browser, refusal, store } = await open(site);
    const told = await refusal(async (data, session) => {
      await what(data, session);
      return [data.isAdmin, ({} as Record<string, unknown>)['isAdmin']];
    });
    expect(told).toMatchObject({ code: 'ERR_DATA_KEY' });
    expect([browser.cookie, store.records()]).toEqual(['', []]);
  });

  it.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__'])(
    'pollutes nothing where a visitor chooses the keys: %s',
    async (key) => {
      const { run, browser } = await open(site);
      const { result } = await run((data) => {
        const before = data[key] === undefined && !(key in data);
        try {
          const inner = (data[key] ??= {});
          inner.polluted = 'yes';
        } catch (error) {
          return [before, (error as { code: string }).code];
        }
        return [before, 'stored'];
      });
      expect(result).toEqual([true, key === '__proto__' ? 'ERR_DATA_KEY' : 'stored']);
      for (const one of [{}, Object, Function.prototype, Object.prototype.toString])
        expect((one as Record<string, unknown>)['polluted']).toBeUndefined();
      const { data } = (await browser.get('/look')).json<{ data: Record<string, unknown> }>();
      expect(Object.entries(data)).toEqual(key === '__proto__' ? [] : [[key, { polluted: 'yes' }]]);
    },
  );

  it('reads nothing that every object has, with the key as a parameter either', async () => {
    const { run } = await open(site);
    const { result } = await run((data) =>
      ['toString', 'constructor', 'hasOwnProperty', 'valueOf', '__proto__', 'isPrototypeOf'].map(
        (key) => data[key] ?? null,
      ),
    );
    expect(result).toEqual([null, null, null, null, null, null]);
  });

  it('can be put into a template, compared, logged and inspected', async () => {
    const { run, browser } = await open(site);
    await browser.post('/data', { cart: CART, a: 1 });
    const { result } = await run((data) => [
      `${data}`,
      String(data),
      Number.isNaN(+data),
      Object.prototype.toString.call(data),
      data === 'x',
      inspect(data) === inspect({ cart: CART, a: 1 }),
      inspect({ data }, { depth: 0 }),
      format('%o %s %j', data, data, data).includes('cart'),
    ]);
    expect(result).toEqual([
      '[object Object]',
      '[object Object]',
      true,
      '[object Object]',
      false,
      true,
      '{ data: [Object] }',
      true,
    ]);
  });

  it.each<[string, unknown]>([
    ['a text', 'text'],
    ['null', null],
    ['undefined', undefined],
    ['a number', 7],
    ['an array', ['a']],
    ['a Map', new Map([['a', 1]])],
    ['a Date', new Date(0)],
    ['a function', () => ({ a: 1 })],
    ['a promise that nobody awaited', Promise.resolve({ a: 1 })],
    ['an object with a key that cannot be one', JSON.parse('{"z": 1, "__proto__": {"a": 1}}')],
    ['an object with an empty key', { z: 1, '': 1 }],
  ])('is not replaced by %s', async (_, value) => {
    const { browser, refusal } = await open(site);
    await browser.post('/data', { cart: CART, a: 1 });
    const told = await refusal((__, session) => (session.data = value));
    expect(told.code).toMatch(/^ERR_DATA_(?:INVALID|KEY)$/);
    expect((await browser.get('/look')).json()).toMatchObject({ data: { cart: CART, a: 1 } });
  });

  it.each([
    ['a plain object', () => ({ z: 26 })],
    ['one without a prototype', () => Object.assign(Object.create(null) as object, { z: 26 })],
    [
      'one of a class',
      () =>
        new (class {
          z = 26;
        })(),
    ],
  ])('is replaced by %s', async (_, value) => {
    const { after } = await open(site);
    const { data } = await after({ cart: CART, a: 1 }, (__, session) => (session.data = value()));
    expect(data).toEqual({ z: 26 });
  });

  it('cannot be frozen', async () => {
    const { after } = await open(site);
    const { data } = await after({ a: 1 }, (values) => {
      expect(() => Object.freeze(values)).toThrow(TypeError);
      values.b = 2;
    });
    expect(data).toEqual({ a: 1, b: 2 });
  });

  it('cannot have its prototype changed', async () => {
    const { run } = await open(site);
    await run((data) => {
      try {
        Object.setPrototypeOf(data, { isAdmin: true });
      } catch {
        // Refusing it is as good as ignoring it.
      }
    });
    expect(await run((data) => data.isAdmin ?? 'none')).toMatchObject({ result: 'none' });
  });
});

// A cookie is sealed and opened as a whole: no key is written alone, and damage breaks the seal.
describe.each(platforms)('session data in a store on %s', (platform) => {
  it('writes only the keys that changed', async () => {
    const { after, store } = await open(platform);
    await after({ cart: CART, a: 1, b: 2 }, (data) => {
      data.a = 2;
      delete data.b;
    });
    const commits = store.calls.filter(({ question }) => question === 'commit').map(({ args }) => args[1]);
    expect(commits).toMatchObject([{ set: { a: '2' }, remove: ['b'] }]);
    expect(JSON.stringify(commits)).not.toContain('cart');
  });

  it('neither parses nor rewrites keys that are not read', async () => {
    const { browser, store, run } = await open(platform);
    await browser.post('/data', { a: 1, broken: 1 });
    store.tamper = (record) => ({ ...record, data: { ...record.data, broken: '{no json' } });
    expect(await run((data) => [data.a, 'broken' in data, Reflect.ownKeys(data)])).toMatchObject({
      result: [1, true, ['a', 'broken']],
    });
    expect(await run((data) => (data.a = 2))).toMatchObject({ result: 2, state: 'dirty' });
    store.tamper = undefined;
    expect((await browser.get('/look')).json()).toMatchObject({ data: { a: 2, broken: 1 } });
  });

  it('that is damaged ends the session when it is read', async () => {
    const { browser, store, events } = await open(platform);
    await browser.post('/login', { user: 'alice' });
    await browser.post('/data', { a: 1 });
    store.tamper = (record) => ({ ...record, data: { a: '{no json' } });
    events.length = 0;
    const answer = await browser.get('/look');
    expect([answer.status, answer.json()['code'], browser.cookie]).toEqual([401, 'ERR_LOGIN_REQUIRED', '']);
    expect(events).toMatchObject([{ type: 'ended', reason: 'corrupt' }]);
    expect(store.records()).toEqual([]);
  });

  it('that is damaged does not break a log', async () => {
    const { run, browser, store } = await open(platform);
    await browser.post('/data', { a: 1 });
    store.tamper = (record) => ({ ...record, data: { a: '{no json' } });
    expect(await run((data) => inspect(data))).toMatchObject({
      result: '[unreadable session data]',
    });
  });
});
