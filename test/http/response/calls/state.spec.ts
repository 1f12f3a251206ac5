import { setImmediate as turn } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import {
  headSent,
  isGone,
  isHttp1,
  writeAfterDestroy,
  writeAfterEnd,
} from '../../../../lib/http/response/response-calls.js';
import { http2Responses, type Http2Responses } from '../../../support/http2-responses.js';
import { unsentResponse } from '../../../support/unsent-response.js';

let responses: Http2Responses;
beforeAll(async () => (responses = await http2Responses()));
afterAll(() => responses.close());

/** What callers compare and print, of an error of Node or of the library. */
const told = (error: unknown) => {
  const { code, message } = error as NodeJS.ErrnoException;
  return { code, message };
};

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return told(error);
  }
  return 'nothing';
}

async function emittedBy(response: ServerResponse, call: () => unknown): Promise<unknown> {
  let emitted: unknown = 'nothing';
  response.on('error', (error) => (emitted = told(error)));
  call();
  await turn();
  return emitted;
}

describe('a response', () => {
  it('is known by its version of HTTP', async () => {
    expect(isHttp1(unsentResponse())).toBe(true);
    expect(isHttp1(await responses.next())).toBe(false);
  });

  it('over HTTP/1 is gone once it is destroyed', () => {
    const response = unsentResponse();
    expect(isGone(response)).toBe(false);
    response.destroy();
    expect(isGone(response)).toBe(true);
  });

  it('over HTTP/2 is gone once its stream is destroyed', async () => {
    const response = await responses.next();
    expect(isGone(response)).toBe(false);
    (response as unknown as { stream: { destroy(): void } }).stream.destroy();
    expect(isGone(response)).toBe(true);
  });
});

describe('an error', () => {
  it.each<['write' | 'set' | 'append' | 'remove', (response: ServerResponse) => unknown]>([
    ['write', (response) => response.writeHead(200)],
    ['set', (response) => response.setHeader('a', 'b')],
    ['append', (response) => response.appendHeader('a', 'b')],
    ['remove', (response) => response.removeHeader('a')],
  ])('of a call to %s headers after the head is that of Node', async (verb, call) => {
    const first = unsentResponse();
    first.flushHeaders();
    expect(thrownBy(() => call(first))).toEqual(told(headSent(first, verb)));
    expect(headSent(first, verb)).toBeInstanceOf(Error);

    const second = await responses.next();
    second.flushHeaders();
    expect(thrownBy(() => call(second))).toEqual(told(headSent(second, verb)));
  });

  it('of a write after the end is that of Node', async () => {
    const response = unsentResponse();
    response.end();
    expect(await emittedBy(response, () => response.write('text'))).toEqual(told(writeAfterEnd()));
    expect(writeAfterEnd()).toBeInstanceOf(Error);
  });

  it('of a write after the connection is gone is that of Node', async () => {
    const response = unsentResponse();
    response.destroy();
    let given: unknown;
    response.on('error', () => undefined);
    response.write('text', (error) => (given = error));
    await turn();
    expect(told(given)).toEqual(told(writeAfterDestroy()));
    expect(writeAfterDestroy()).toBeInstanceOf(Error);
  });
});
