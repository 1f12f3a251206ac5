import type { ServerResponse } from 'node:http';
import { OriginalResponse } from '../../../../lib/http/response/original-response.js';
import { ResponseFacade } from '../../../../lib/http/response/response-facade.js';
import { unsentResponse } from '../../../support/unsent-response.js';

function originalOf(response: ServerResponse): OriginalResponse {
  const nothing = () => undefined;
  return new OriginalResponse(response, {
    beforeHead: nothing,
    onHead: nothing,
    answerFailure: () => ({ status: 503, body: '' }),
    onLost: nothing,
  });
}

const pretend = (response: ServerResponse, hasEnded = () => false): ResponseFacade =>
  new ResponseFacade(originalOf(response), hasEnded);

/** The head as Node keeps it, by which some code decides whether to write one. */
const headerOf = (response: ServerResponse): unknown => (response as unknown as { _header: unknown })._header;

function thrownBy(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { code, message };
  }
}

/** The ways to set a header that comes too late. */
const TOO_LATE: [string, (response: ServerResponse) => unknown][] = [
  ['setHeader', (response) => response.setHeader('X-Own', '1')],
  ['setHeaders', (response) => response.setHeaders(new Map([['X-Own', '1']]))],
  ['appendHeader', (response) => response.appendHeader('X-Own', '1')],
  ['removeHeader', (response) => response.removeHeader('X-Own')],
];

describe('ResponseFacade', () => {
  it.each(TOO_LATE)('throws in %s what Node throws after the head is sent', (_method, act) => {
    const sent = unsentResponse();
    sent.flushHeaders();
    const held = unsentResponse();
    pretend(held);
    const expected = thrownBy(() => act(sent));
    expect(expected).toMatchObject({ code: 'ERR_HTTP_HEADERS_SENT' });
    expect(thrownBy(() => act(held))).toEqual(expected);
  });

  it('says that the head is sent, and that the response has ended once the application has ended it', () => {
    const response = unsentResponse();
    let ended = false;
    const facade = pretend(response, () => ended);
    expect([response.headersSent, response.writableEnded]).toEqual([true, false]);
    expect(headerOf(response)).toBeTruthy();
    ended = true;
    expect(response.writableEnded).toBe(true);
    facade.end();
    expect([response.headersSent, response.writableEnded]).toEqual([false, false]);
    expect(headerOf(response)).toBeNull();
  });

  it('gives back the methods of the prototype', () => {
    const response = unsentResponse();
    const before = Object.getOwnPropertyNames(response);
    pretend(response).end();
    expect(Object.getOwnPropertyNames(response)).toEqual(before);
    response.setHeader('X-Own', '1');
    expect(response.getHeader('X-Own')).toBe('1');
  });

  it.each(['setHeader', 'setHeaders', 'appendHeader', 'removeHeader', 'on'] as const)(
    'gives back %s of code that patched the response earlier',
    (method) => {
      const response = unsentResponse();
      const patched = () => response;
      response[method] = patched as never;
      const facade = pretend(response);
      expect(response[method]).not.toBe(patched);
      facade.end();
      expect(response[method]).toBe(patched);
      expect(Object.getOwnPropertyDescriptor(response, method)!.writable).toBe(true);
    },
  );

  it.each<['on' | 'once', number]>([
    ['on', 2],
    ['once', 1],
  ])('adds listeners of other events by %s at once', (method, times) => {
    const response = unsentResponse();
    pretend(response);
    const received: unknown[] = [];
    expect(response[method]('close', (...args: unknown[]) => received.push(args))).toBe(response);
    response.emit('close', 1);
    response.emit('close', 1);
    expect(received).toEqual(Array<unknown>(times).fill([1]));
  });

  it('passes on to the "on" of code that patched the response earlier', () => {
    const response = unsentResponse();
    const added: unknown[] = [];
    response.on = (type: string) => (added.push(type), response);
    pretend(response);
    response.on('close', () => undefined);
    expect(added).toEqual(['close']);
  });

  it.each<['on' | 'once', number]>([
    ['on', 2],
    ['once', 1],
  ])('calls a listener of drain that is added by %s when the response goes on', (method, times) => {
    const response = unsentResponse();
    const facade = pretend(response);
    const received: unknown[] = [];
    const listener = function (this: unknown, ...args: unknown[]): void {
      received.push([this === response, args]);
    };
    expect(response[method]('drain', listener)).toBe(response);
    expect(received).toEqual([]);
    facade.end();
    facade.emitDrain();
    expect(received).toEqual([[true, []]]);
    response.emit('drain');
    expect(received).toHaveLength(times);
  });

  it.each<['on' | 'once', boolean]>([
    ['on', true],
    ['once', false],
  ])(
    'passes a listener of drain to earlier code once it goes on, if it was added by %s',
    (method, passed) => {
      const response = unsentResponse();
      const earlier: unknown[] = [];
      response.on = (type: string, listener: unknown) => (earlier.push([type, listener]), response);
      const facade = pretend(response);
      let called = 0;
      const listener = () => called++;
      response[method]('drain', listener);
      expect(earlier).toEqual([]);
      facade.end();
      facade.emitDrain();
      expect([called, response.listenerCount('drain')]).toEqual([1, 0]);
      expect(earlier).toEqual(passed ? [['drain', listener]] : []);
    },
  );

  it.each(['on', 'once'] as const)('forgets a listener of drain by %s that is removed again', (method) => {
    const response = unsentResponse();
    const facade = pretend(response);
    let called = 0;
    const listener = () => called++;
    response[method]('drain', listener);
    response.off('drain', listener);
    facade.end();
    facade.emitDrain();
    response.emit('drain');
    expect([called, response.listenerCount('drain')]).toEqual([0, 0]);
  });

  it('leaves the "on" of code that patched the response later alone', () => {
    const response = unsentResponse();
    const original = originalOf(response);
    const later = (response.on = () => response);
    const facade = new ResponseFacade(original, () => false);
    expect(response.on).toBe(later);
    facade.end();
    expect(response.on).toBe(later);
  });

  it('emits drain to the listeners that were there before the response was held', () => {
    const response = unsentResponse();
    const called: string[] = [];
    response.on('drain', () => called.push('before'));
    const facade = pretend(response);
    response.once('drain', () => called.push('meanwhile'));
    facade.end();
    facade.emitDrain();
    expect(called).toEqual(['before', 'meanwhile']);
  });

  it('throws the error of a listener of drain', () => {
    const response = unsentResponse();
    const facade = pretend(response);
    const error = new Error('of the listener');
    response.on('drain', () => {
      throw error;
    });
    facade.end();
    expect(() => facade.emitDrain()).toThrow(error);
  });

  it.each(['on', 'setHeader'] as const)('lets other code replace %s while the response is held', (method) => {
    const response = unsentResponse();
    const facade = pretend(response);
    const before = response[method];
    const replaced = (response[method] = (() => response) as never);
    expect(replaced).not.toBe(before);
    expect(response[method]).toBe(replaced);
    facade.end();
    expect(response[method]).not.toBe(replaced);
  });
});
