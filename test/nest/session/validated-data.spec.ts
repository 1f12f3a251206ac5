import { inspect } from 'node:util';
import { Controller, HttpCode, Post, type Type } from '@nestjs/common';
import { Transform, Type as Nested } from 'class-transformer';
import { IsInt, IsOptional, IsString, Min, ValidateNested } from 'class-validator';
import {
  isSessionError,
  Session,
  SessionService,
  type SessionEvent,
  type SessionModuleOptions,
  type StandardSchemaV1,
} from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { z } from 'zod';
import { AppController } from '../../support/app.js';
import { sites, type BackendSite } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';

afterEach(closeAll);

type Act = (data: any, session: Session<any>) => unknown;

/** What the handler does to the data; set by each spec. */
let act: Act = () => undefined;

/** What the handler caught, if anything. */
let caught: unknown;

@Controller()
class WriteController {
  @Post('write')
  @HttpCode(200)
  async write(@Session() session: Session<Record<string, unknown>>) {
    try {
      await act(session.data, session);
      return { ok: true };
    } catch (error) {
      caught = error;
      throw error;
    }
  }
}

async function open(site: BackendSite, options: Partial<SessionModuleOptions>) {
  const running = await start(site, { controllers: [AppController, WriteController], options });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  const browser = new Browser(running.url);
  const write = (what: Act) => {
    act = what;
    return browser.post('/write');
  };
  /** The error that `what` fails with. */
  const refusal = async (what: Act): Promise<{ code?: string; message?: string }> => {
    caught = undefined;
    expect((await write(what)).status).toBe(500);
    expect(isSessionError(caught)).toBe(true);
    return caught as Error;
  };
  return { ...running, events, browser, write, refusal };
}

class ShapeByClass {
  @IsOptional() @IsString() theme?: string;
  @IsInt() visits?: number;
}

const ShapeByZod = z.object({
  theme: z.string().optional(),
  cart: z.array(z.object({ sku: z.string(), count: z.number().int().min(1) })).optional(),
  visits: z.number().int().optional(),
});

class ItemByClass {
  @IsString() sku!: string;
  @IsInt() @Min(1) count!: number;
}

class CartByClass {
  @ValidateNested({ each: true }) @Nested(() => ItemByClass) cart?: ItemByClass[];
}

const ThrowingZod = z.object({
  theme: z.string().optional(),
  home: z
    .string()
    .transform((text) => new URL(text).href)
    .optional(),
});

class ThrowingClass {
  @IsOptional() @IsString() theme?: string;

  @IsOptional()
  @Transform(({ value }: { value: string }) => new URL(value).href)
  home?: string;
}

const throwing: [string, Type | StandardSchemaV1][] = [
  ['a class', ThrowingClass],
  ['a Zod schema', ThrowingZod],
  ['another Standard Schema', throwingSchema()],
];

function throwingSchema(): StandardSchemaV1 {
  const validate = (data: unknown) => {
    const { home } = data as { home?: string };
    return { value: home === undefined ? data : { ...(data as object), home: new URL(home).href } };
  };
  return { '~standard': { version: 1, vendor: 'example', validate } };
}

const TellingZod = z.object({
  theme: z
    .string()
    .refine(() => false, { error: ({ input }) => `${String(input)} is no theme` })
    .optional(),
});

const StrictZod = z.strictObject({ theme: z.string().optional(), visits: z.number().int().optional() });

describe.each(sites)('validated data on %s', (site) => {
  const shapes: [string, Type | StandardSchemaV1][] = [
    ['a class', ShapeByClass],
    ['a Zod schema', ShapeByZod],
    ['a strict Zod schema', StrictZod],
  ];

  /** A session from before the shape was introduced. */
  async function aged(data: Type | StandardSchemaV1, old: object) {
    const index = new SpyStore();
    const options = { store: site.backend.over(index), clock: new FakeClock() };
    const before = await open(site, options);
    await before.browser.post('/login', { user: 'alice' });
    await before.browser.post('/data', old);
    const now = await open(site, { ...options, data });
    await now.browser.jar.setCookie(
      before.browser.cookie + '; Path=/; Secure',
      now.url.replace('http:', 'https:'),
    );
    index.forget();
    return { ...now, index, get: (path: string) => now.browser.get(path) };
  }

  it.each(shapes)('by %s: what no longer fits is dropped, and the login stays', async (_, shape) => {
    const { get, events } = await aged(shape, { theme: 'dark', visits: 'many' });
    expect((await get('/me')).json()).toEqual({ subject: 'alice' });
    expect((await get('/look')).json()).toMatchObject({ subject: 'alice', data: { theme: 'dark' } });
    expect((await get('/look')).body).not.toContain('visits');
    // Once: the first look has written what is left.
    expect(events).toMatchObject([{ type: 'data-dropped', keys: ['visits'], subject: 'alice' }]);
  });

  it.each(shapes.filter(([name]) => name !== 'a Zod schema'))(
    'by %s: so are keys that it does not know',
    async (_, shape) => {
      const { get, events } = await aged(shape, { theme: 'dark', former: 1 });
      expect((await get('/look')).json()).toMatchObject({ subject: 'alice', data: { theme: 'dark' } });
      expect(events).toMatchObject([{ type: 'data-dropped', keys: ['former'] }]);
    },
  );

  it.each(throwing)('by %s: so is a key for which it throws', async (_, shape) => {
    const { get, events } = await aged(shape, { theme: 'dark', home: 'no url' });
    expect((await get('/me')).json()).toEqual({ subject: 'alice' });
    const { subject, data } = (await get('/look')).json();
    expect([subject, data]).toEqual(['alice', { theme: 'dark' }]);
    expect(events).toMatchObject([{ type: 'data-dropped', keys: ['home'], subject: 'alice' }]);
  });

  it.each(throwing)('by %s: a write for which it throws is refused, with the cause', async (_, shape) => {
    const { browser, refusal } = await open(site, { data: shape });
    await browser.post('/data', { theme: 'dark' });
    const writes: Act[] = [
      (data, session) => {
        data.home = 'no url';
        return session.commit();
      },
      (_data, session) => session.update('home', () => 'no url'),
    ];
    for (const what of writes) {
      const refused = await refusal(what);
      expect(refused).toMatchObject({
        code: 'ERR_DATA_INVALID',
        message: expect.stringContaining('session.data: home does not fit'),
        cause: { name: 'TypeError', message: 'Invalid URL' },
      });
      expect(inspect(refused)).not.toContain('no url');
    }
    expect((await browser.get('/look')).json()).toMatchObject({ data: { theme: 'dark' } });
  });

  it.each(shapes)('by %s: what fits stays', async (_, shape) => {
    const { get, events, index } = await aged(shape, { theme: 'dark', visits: 3 });
    const answer = await get('/look');
    expect(answer.json()).toMatchObject({ data: { theme: 'dark', visits: 3 } });
    expect([events, index.writes, answer.setCookies]).toEqual([[], [], []]);
  });

  it.each(shapes)('by %s: a write that does not fit is refused, and nothing is stored', async (_, shape) => {
    const index = new SpyStore();
    const { browser, write, refusal } = await open(site, { store: site.backend.over(index), data: shape });
    await browser.post('/data', { theme: 'dark', visits: 1 });
    const look = async () => (await browser.get('/look')).json()['data'];
    const before = [browser.cookie, index.records()];
    const refused = await write((data) => Object.assign(data, { theme: 'light', visits: 'many' }));
    expect(refused.status).toBe(500);
    const told = await refusal(async (data, session) => {
      data.visits = 1.5;
      await session.commit();
    });
    expect(told).toMatchObject({ code: 'ERR_DATA_INVALID' });
    expect(told.message).toMatch(/visits does not fit/);
    expect(await refusal((_data, session) => session.update('visits', () => 'many'))).toMatchObject({
      code: 'ERR_DATA_INVALID',
    });
    expect([browser.cookie, index.records()]).toEqual(before);
    expect(await look()).toEqual({ theme: 'dark', visits: 1 });
    expect((await write((data) => (data.visits = 2))).status).toBe(200);
    expect(await look()).toEqual({ theme: 'dark', visits: 2 });
  });

  it.each([
    ['a class', CartByClass],
    ['a Zod schema', ShapeByZod],
  ] as [string, Type | StandardSchemaV1][])('by %s: nested values are checked', async (_, data) => {
    const { browser, write } = await open(site, { data });
    expect((await browser.post('/data', { cart: [{ sku: 'book', count: 1 }] })).status).toBe(200);
    expect((await write((data) => (data.cart[0].count = 0))).status).toBe(500);
    expect((await browser.get('/look')).json()).toMatchObject({
      data: { cart: [{ sku: 'book', count: 1 }] },
    });
  });

  it.each<[string, Type | StandardSchemaV1, object, string]>([
    ['a class', CartByClass, { cart: [{ sku: 'book', count: 1.5 }] }, 'cart[0].count: isInt'],
    ['a class', ShapeByClass, { visits: 'many' }, 'visits: isInt'],
    [
      'a class',
      ShapeByClass,
      { constructor: { name: 'many' } },
      'constructor is no property of ShapeByClass: declare it with a decorator',
    ],
    ['a class', ShapeByClass, { zzz: 1 }, 'zzz is no property of ShapeByClass: declare it with a decorator'],
    [
      'a class',
      CartByClass,
      { cart: [{ sku: 'x', count: 1, zzz: 1 }] },
      'cart[0].zzz is no property of ItemByClass: declare it with a decorator',
    ],
    ['a Zod schema', ShapeByZod, { cart: [{ sku: 'book', count: 'many' }] }, 'cart[0].count: invalid_type'],
    ['a strict Zod schema', StrictZod, { zzz: 1 }, 'zzz: unrecognized_keys'],
    ['a schema with texts of its own', TellingZod, { theme: 'many' }, 'theme: custom'],
  ])('by %s: the error names path and rule, never a value', async (_, data, written, detail) => {
    const { refusal } = await open(site, { data });
    const { message } = await refusal((values, session) => {
      Object.assign(values, written);
      return session.commit();
    });
    expect(message).toContain(`not fit the class or schema of the option "data" (${detail}). Validate`);
    expect(message).not.toMatch(/many|book/);
  });

  it('the error describes five faults and counts the others', async () => {
    const { refusal } = await open(site, { data: ShapeByZod });
    const { message } = await refusal((values, session) => {
      values.cart = Array.from({ length: 4 }, () => ({}));
      return session.commit();
    });
    expect(message).toMatch(
      /cart does not fit .*\(cart\[0\]\.sku: .*cart\[2\]\.sku: invalid_type; and 3 more\)/,
    );
  });

  it('by a schema that takes its time for some values is refused with the remedy', async () => {
    // What takes its time for every value is refused at boot, see boot.spec.ts.
    const data = z.object({ theme: z.string().refine(async () => Promise.resolve(true)) });
    const { refusal } = await open(site, { data });
    const told = await refusal(async (values, session) => {
      values.theme = 'x';
      await session.commit();
    });
    expect(told.message).toMatch(/validates asynchronously/);
  });
});
