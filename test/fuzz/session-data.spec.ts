import { jest } from '@jest/globals';
import { Controller, HttpCode, Post } from '@nestjs/common';
import fc from 'fast-check';
import { isSessionError, Session } from 'nest-sessions';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start, type Running } from '../support/platforms.js';

jest.setTimeout(120_000);

type Data = Record<string, unknown>;

let assigned: Data = {};

@Controller()
class ValuesController {
  /** Assigns any values, and says what became of it. */
  @Post('assign')
  @HttpCode(200)
  assign(@Session() session: Session<Data>) {
    try {
      for (const key of Reflect.ownKeys(assigned)) Reflect.set(session.data, key, Reflect.get(assigned, key));
      return { ok: true };
    } catch (error) {
      if (isSessionError(error)) return { code: error.code };
      throw error;
    }
  }
}

const KEYS = [
  'a',
  'cart',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  'toJSON',
  '0',
  '',
];
const keys = fc.oneof(fc.constantFrom(...KEYS), fc.string({ unit: 'grapheme', maxLength: 6 }));
const runs = { numRuns: process.env['CI'] ? 300 : 100 };

/** With every key its own, also `__proto__`. */
const objectOf = (entries: readonly (readonly [string, unknown])[]): Data => {
  const data: Data = {};
  for (const [key, value] of entries)
    Object.defineProperty(data, key, { value, enumerable: true, writable: true, configurable: true });
  return data;
};
const dataOf = (value: fc.Arbitrary<unknown>): fc.Arbitrary<Data> =>
  fc.uniqueArray(fc.tuple(keys, value), { maxLength: 5, selector: ([key]) => key }).map(objectOf);

/** As JSON has it, where -0 is 0. */
const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe.each(platforms)('any data of a session, %s', (platform) => {
  let site: Running;
  beforeAll(async () => {
    site = await start(platform, { controllers: [AppController, ValuesController] });
  });
  afterAll(closeAll);

  it('is read as it was written, or refused as a whole with an error that says so', async () => {
    await fc.assert(
      fc.asyncProperty(dataOf(fc.jsonValue()), async (data) => {
        assigned = data;
        const browser = new Browser(site.url);
        const answer = await browser.post('/assign');
        const { code } = answer.json<{ code?: string }>();
        if (answer.status === 200 && code === undefined) {
          const { data: back } = (await browser.get('/look')).json<{ data: Data }>();
          expect(written(objectOf(Object.entries(back)))).toEqual(written(data));
        } else if (code !== undefined) expect(code).toBe('ERR_DATA_KEY');
        else expect(answer.status).toBe(500);
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      runs,
    );
  });

  it('that JSON does not give back is never stored in part, nor read as something else', async () => {
    const anything = fc.anything({
      ...{ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true },
      ...{ withSparseArray: true, withTypedArray: true, withBoxedValues: true, withObjectString: true },
    });
    await fc.assert(
      fc.asyncProperty(dataOf(anything), async (data) => {
        assigned = data;
        const browser = new Browser(site.url);
        const answer = await browser.post('/assign');
        const { data: back } = (await browser.get('/look')).json<{ data: Data }>();
        if (answer.status === 200 && answer.json<{ code?: string }>().code === undefined)
          expect(written(back)).toEqual(written(data));
        else if (answer.status !== 200) expect(back).toEqual({});
      }),
      runs,
    );
  });
});
