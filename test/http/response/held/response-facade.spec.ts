import type { ServerResponse } from 'node:http';
import { OriginalResponse } from '../../../../lib/http/response/original-response.js';
import { ResponseFacade } from '../../../../lib/http/response/response-facade.js';
import { unsentResponse } from '../../../support/unsent-response.js';

function pretend(response = unsentResponse(), hasEnded = () => false): ResponseFacade {
  const nothing = () => undefined;
  return new ResponseFacade(
    new OriginalResponse(response, {
      beforeHead: nothing,
      onHead: nothing,
      answerFailure: () => ({ status: 503, body: '' }),
      onLost: nothing,
    }),
    hasEnded,
  );
}

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
    ended = true;
    expect(response.writableEnded).toBe(true);
    facade.end();
    expect([response.headersSent, response.writableEnded]).toEqual([false, false]);
  });

  it('gives back the methods of the prototype', () => {
    const response = unsentResponse();
    const before = Object.getOwnPropertyNames(response);
    pretend(response).end();
    expect(Object.getOwnPropertyNames(response)).toEqual(before);
    response.setHeader('X-Own', '1');
    expect(response.getHeader('X-Own')).toBe('1');
  });

  it.each(['setHeader', 'setHeaders', 'appendHeader', 'removeHeader', 'on', 'once'] as const)(
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
  ])('calls a listener of drain that is added by %s only when the response goes on', (method, times) => {
    const response = unsentResponse();
    const facade = pretend(response);
    const received: unknown[] = [];
    const listener = function (this: unknown, ...args: unknown[]): void {
      received.push([this === response, args]);
    };
    expect(response[method]('drain', listener)).toBe(response);
    // Before it goes on, a drain is that of other data.
    response.emit('drain');
    expect([received, response.listenerCount('drain')]).toEqual([[], 0]);
    facade.end();
    facade.emitDrain();
    expect(received).toEqual([[true, []]]);
    response.emit('drain');
    expect(received).toHaveLength(times);
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

  it.each(['on', 'once'] as const)('lets other code replace %s while the response is held', (method) => {
    const response = unsentResponse();
    pretend(response);
    const added: string[] = [];
    response[method] = (type: string) => (added.push(type), response);
    response[method]('drain', () => undefined);
    expect(added).toEqual(['drain']);
  });
});
