import { setImmediate as turn } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { admits, assertBody, writesAfterEnd } from '../../../../lib/http/response/response-calls.js';
import { http2Responses, type Http2Responses } from '../../../support/http2-responses.js';
import { unsentResponse } from '../../../support/unsent-response.js';

let responses: Http2Responses;
beforeAll(async () => (responses = await http2Responses()));
afterAll(() => responses.close());

const NULL = 'ERR_STREAM_NULL_VALUES';
const TYPE = 'ERR_INVALID_ARG_TYPE';
const ENCODING = 'ERR_UNKNOWN_ENCODING';

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

function toldBy(call: () => unknown): string {
  try {
    call();
    return 'nothing';
  } catch (error) {
    return String(error);
  }
}

/** As bytes that come from a worker's context or a test runner: not an instance of this realm's class. */
const foreign = runInNewContext('new Uint8Array([1, 2])') as Uint8Array;
const bytes = new Uint8Array([1, 2]);
const callback = () => undefined;

type Case = [title: string, method: 'write' | 'end', args: unknown[], http1?: string, http2?: string];

const chunks: Case[] = [
  ['a text', 'write', ['text']],
  ['an empty text', 'write', ['']],
  ['bytes', 'write', [bytes]],
  ['a buffer', 'write', [Buffer.from('text')]],
  ['bytes of another realm', 'write', [foreign]],
  ['a callback after it', 'write', ['text', callback]],
  ['a callback after its encoding', 'write', ['text', 'utf8', callback]],
  ['nothing', 'write', [], TYPE, TYPE],
  ['null', 'write', [null], NULL, NULL],
  ['a number', 'write', [5], TYPE, TYPE],
  ['zero', 'write', [0], TYPE, TYPE],
  ['an object', 'write', [{}], TYPE, TYPE],
  ['a function', 'write', [callback], TYPE, TYPE],

  ['a text', 'end', ['text']],
  ['an empty text', 'end', ['']],
  ['bytes', 'end', [bytes]],
  ['bytes of another realm', 'end', [foreign]],
  ['nothing', 'end', []],
  ['undefined', 'end', [undefined]],
  ['null', 'end', [null]],
  ['a callback', 'end', [callback]],
  ['a callback after it', 'end', ['text', callback]],
  ['a number', 'end', [5], TYPE, TYPE],
  ['zero', 'end', [0], undefined, TYPE],
  ['false', 'end', [false], undefined, TYPE],
  ['an object', 'end', [{}], TYPE, TYPE],
  ['a symbol', 'end', [Symbol('text')], TYPE, TYPE],
];

/** Node tells these only from the socket, or never. */
const encodings: Case[] = [
  ['utf8', 'write', ['text', 'utf8']],
  ['another encoding', 'write', ['text', 'latin1']],
  ['an encoding in capitals', 'write', ['text', 'UTF-8']],
  ['undefined', 'write', ['text', undefined]],
  ['null', 'write', ['text', null]],
  ['an unknown encoding', 'write', ['text', 'utf-9'], ENCODING, ENCODING],
  ['an object', 'write', ['text', {}], ENCODING, ENCODING],
  ['an unknown encoding', 'end', ['text', 'utf-9'], ENCODING, ENCODING],
  ['an unknown encoding without a chunk', 'end', [undefined, 'utf-9']],
  ['an unknown encoding after a callback', 'end', [callback, 'utf-9']],
  ['an unknown encoding of bytes', 'write', [bytes, 'utf-9'], ENCODING, ENCODING],
];

const named = (cases: Case[]) => cases.map((one) => [one[1], one[0], one] as const);

describe('a chunk over HTTP/1', () => {
  it.each(named(chunks))('is judged as by Node: %s of %s', (method, _title, [, , args, code]) => {
    const response = unsentResponse();
    expect(codeOf(() => assertBody(response, method, args))).toBe(code);
    expect(codeOf(() => admits(response, method, args))).toBe(code);
    expect([response.headersSent, response.writableLength]).toEqual([false, 0]);
    expect(codeOf(() => (response[method] as (...args: unknown[]) => unknown)(...args))).toBe(code);
  });
});

describe('a chunk over HTTP/2', () => {
  it.each(named(chunks))('is judged as by Node: %s of %s', async (method, _title, [, , args, , code]) => {
    const response = await responses.next();
    expect(codeOf(() => assertBody(response, method, args))).toBe(code);
    expect(codeOf(() => admits(response, method, args))).toBe(code);
    expect(response.headersSent).toBe(false);
    expect(codeOf(() => (response[method] as (...args: unknown[]) => unknown)(...args))).toBe(code);
  });
});

describe('the error of an invalid chunk', () => {
  const make = [
    ['HTTP/1', () => Promise.resolve(unsentResponse())],
    ['HTTP/2', () => responses.next()],
  ] as const;
  const invalid: unknown[] = [5, {}, null, undefined, new Uint16Array(1), new DataView(new ArrayBuffer(1))];

  it.each(make)('over %s is that of Node, word for word', async (_version, next) => {
    for (const chunk of invalid) {
      const response = await next();
      const told = toldBy(() => assertBody(response, 'write', [chunk]));
      expect(told).toBe(toldBy(() => response.write(chunk)));
    }
  });
});

describe('an encoding', () => {
  it.each(named(encodings))('is judged before anything is written: %s of %s', async (method, _title, one) => {
    const [, , args, http1, http2] = one;
    expect(codeOf(() => admits(unsentResponse(), method, args))).toBe(http1);
    const second = await responses.next();
    expect(codeOf(() => admits(second, method, args))).toBe(http2);
  });

  it('of the response to a HEAD request is never used, so any is taken', async () => {
    expect(codeOf(() => admits(unsentResponse('HEAD'), 'write', ['text', 'utf-9']))).toBeUndefined();
    const second = await responses.next('HEAD');
    expect(codeOf(() => admits(second, 'write', ['text', 'utf-9']))).toBeUndefined();
  });

  it('is no callback, which is not called', async () => {
    const called: unknown[] = [];
    admits(unsentResponse(), 'write', ['text', () => called.push('write')]);
    admits(unsentResponse(), 'end', ['text', () => called.push('end')]);
    await turn();
    expect(called).toEqual([]);
  });
});

describe('a copy of the response, on which a chunk is tried,', () => {
  it('shares nothing that is written', () => {
    const response = unsentResponse();
    assertBody(response, 'write', [foreign]);
    expect(codeOf(() => response.setHeader('a', 'b'))).toBeUndefined();
    expect((response as unknown as { outputData: unknown[] }).outputData).toEqual([]);
  });

  it('has the length that a refused end left, as that of Node', () => {
    const response = unsentResponse();
    response.strictContentLength = true;
    response.statusMessage = 'a\n';
    expect(codeOf(() => response.end('a'))).toBe('ERR_INVALID_CHAR');
    response.statusMessage = 'a';
    expect(codeOf(() => assertBody(response, 'write', [foreign]))).toBe('ERR_HTTP_CONTENT_LENGTH_MISMATCH');
    expect(codeOf(() => response.write(foreign))).toBe('ERR_HTTP_CONTENT_LENGTH_MISMATCH');
  });
});

describe('an end after the end', () => {
  it.each<[string, unknown[], boolean]>([
    ['nothing', [], false],
    ['null', [null], false],
    ['a callback', [callback], false],
    ['an empty text', [''], false],
    ['zero', [0], false],
    ['a text', ['text'], true],
    ['bytes', [bytes], true],
  ])('is an error where it has a chunk, over HTTP/1 alone: %s', async (_title, args, expected) => {
    expect(writesAfterEnd(unsentResponse(), args)).toBe(expected);
    expect(writesAfterEnd(await responses.next(), args)).toBe(false);
  });

  it('is an error that Node tells as well', async () => {
    const told = async (chunk: string | null) => {
      const response = unsentResponse();
      const errors: unknown[] = [];
      response.on('error', (error) => errors.push(error));
      response.end('text');
      response.end(chunk);
      await turn();
      return errors.length > 0;
    };
    expect([await told('text'), await told('')]).toEqual([true, false]);
  });
});
