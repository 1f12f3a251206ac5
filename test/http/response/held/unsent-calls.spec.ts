import { errorMonitor, once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough, type Duplex } from 'node:stream';
import { OriginalResponse } from '../../../../lib/http/response/original-response.js';
import { discardCall, failAsDestroyed, failAsEnded } from '../../../../lib/http/response/unsent-calls.js';
import { settled } from '../../../support/held-response.js';
import { unsentResponse } from '../../../support/unsent-response.js';

/** A response that is not hooked, and the errors that its listener received. */
function original() {
  const lost: unknown[] = [];
  const response = unsentResponse();
  const one = new OriginalResponse(response, {
    beforeHead: () => undefined,
    onHead: () => undefined,
    answerFailure: () => ({ status: 503, body: '' }),
    onLost: (error) => void lost.push(error),
  });
  return { one, response, lost };
}

const failing = (error: Error) => () => {
  throw error;
};

describe('discardCall', () => {
  it('calls the callback of a write without arguments, after the call has returned', async () => {
    const { one, response, lost } = original();
    const called: unknown[][] = [];
    discardCall(one, { method: 'write', args: ['text', (...results: unknown[]) => called.push(results)] });
    expect(called).toEqual([]);
    await settled();
    expect(called).toEqual([[]]);
    expect([response.writableEnded, lost]).toEqual([false, []]);
  });

  it('leaves the callback of an end to Node, which calls it when the response is finished', async () => {
    const { one, response } = original();
    const called: string[] = [];
    discardCall(one, { method: 'end', args: ['text', () => called.push('end')] });
    await settled();
    expect([response.writableEnded, called]).toEqual([true, []]);
    response.assignSocket(new PassThrough() as Duplex as Socket);
    await once(response, 'finish');
    await settled();
    expect(called).toEqual(['end']);
  });

  it('passes the callback of an end in its own place, as the responses of "inject" take no other', () => {
    const { one, response } = original();
    const given: unknown[][] = [];
    const patched = new OriginalResponse(
      Object.assign(response, { end: (...args: unknown[]) => given.push(args) as never }),
      one.listener,
    );
    const callback = () => undefined;
    discardCall(patched, { method: 'end', args: ['text', callback] });
    expect(given).toEqual([[undefined, undefined, callback]]);
  });

  it.each(['write', 'end'] as const)('does nothing for a %s without a callback', async (method) => {
    const { one, response, lost } = original();
    discardCall(one, { method, args: ['text'] });
    await settled();
    expect([response.writableEnded, response.destroyed, lost]).toEqual([false, false, []]);
  });

  it('cuts the response off where the callback throws', async () => {
    const { one, response, lost } = original();
    const error = new Error('of the callback');
    discardCall(one, { method: 'write', args: ['text', failing(error)] });
    await settled();
    expect([response.destroyed, lost]).toEqual([true, [error]]);
  });
});

describe('failAsDestroyed', () => {
  it('passes the error of a destroyed stream to the callback of a write, after the call has returned', async () => {
    const called: unknown[][] = [];
    failAsDestroyed({ method: 'write', args: ['text', (...results: unknown[]) => called.push(results)] });
    expect(called).toEqual([]);
    await settled();
    expect(called).toEqual([[expect.objectContaining({ code: 'ERR_STREAM_DESTROYED' })]]);
  });

  it('does not call the callback of an end', async () => {
    const called: unknown[][] = [];
    failAsDestroyed({ method: 'end', args: ['text', (...results: unknown[]) => called.push(results)] });
    await settled();
    expect(called).toEqual([]);
  });

  it.each(['write', 'end', 'flushHeaders'] as const)('accepts a %s without a callback', (method) => {
    expect(() => failAsDestroyed({ method, args: [] })).not.toThrow();
  });
});

describe('failAsEnded', () => {
  const writeAfterEnd = expect.objectContaining({ code: 'ERR_STREAM_WRITE_AFTER_END' }) as unknown;

  it('passes the error to the callback and then to the listeners, after the call has returned', async () => {
    const { one, response, lost } = original();
    const received: unknown[] = [];
    response.on('error', (error) => received.push('emitted', error));
    failAsEnded(one, ['text', (...results: unknown[]) => received.push('called', ...results)]);
    expect(received).toEqual([]);
    await settled();
    expect(received).toEqual(['called', writeAfterEnd, 'emitted', writeAfterEnd]);
    expect(received[1]).toBe(received[3]);
    expect([response.destroyed, lost]).toEqual([false, []]);
  });

  it('emits the error of a call without a callback', async () => {
    const { one, response, lost } = original();
    const emitted: unknown[] = [];
    response.on('error', (error) => emitted.push(error));
    failAsEnded(one, ['text']);
    await settled();
    expect([emitted, lost]).toEqual([[writeAfterEnd], []]);
  });

  it('emits nothing where nobody listens, because the process would end', async () => {
    const { one, response, lost } = original();
    const emitted: unknown[] = [];
    response.on(errorMonitor, (error) => emitted.push(error));
    failAsEnded(one, ['text']);
    await settled();
    expect([emitted, response.destroyed, lost]).toEqual([[], false, []]);
  });

  it('emits nothing on a response whose connection is gone, but calls the callback', async () => {
    const { one, response } = original();
    const emitted: unknown[] = [];
    const called: unknown[] = [];
    response.on('error', (error) => emitted.push(error));
    response.destroy();
    failAsEnded(one, ['text', (error: unknown) => called.push(error)]);
    await settled();
    expect([called, emitted]).toEqual([[writeAfterEnd], []]);
  });

  it('cuts the response off where a listener throws an error of its own', async () => {
    const { one, response, lost } = original();
    const error = new Error('of the listener');
    response.on('error', failing(error));
    failAsEnded(one, ['text']);
    await settled();
    expect([response.destroyed, lost]).toEqual([true, [error]]);
  });

  it('does not cut the response off where a listener throws the emitted error again, as pipe does', async () => {
    const { one, response, lost } = original();
    const thrown: unknown[] = [];
    response.on('error', (error) => {
      thrown.push(error);
      throw error;
    });
    failAsEnded(one, ['text']);
    await settled();
    expect([thrown, response.destroyed, lost]).toEqual([[writeAfterEnd], false, []]);
  });
});
