import type { OriginalResponse } from './original-response.js';
import { callbackOf, isGone, writeAfterDestroy, writeAfterEnd, type Method } from './response-calls.js';

/** A recorded call with its arguments. */
export interface ResponseCall {
  method: Method;
  args: unknown[];
}

/** Discards a call on a response that a failure has replaced. Still calls its callback, so that its caller continues. */
export function discardCall(original: OriginalResponse, { method, args }: ResponseCall): void {
  const callback = callbackOf(args);
  if (!callback) return;
  // The callback alone would be data to the responses of light-my-request, the `inject` of Fastify.
  if (method === 'end') original.end.call(original.response, undefined, undefined, callback);
  else setImmediate(() => original.callBack(callback, []));
}

/**
 * Discards a `write` after the failure. A stream that waits for "drain" goes on in the next turn of the event loop:
 * one that never waits for anything else would not let the loop turn, and block the process.
 */
export function discardWrite(original: OriginalResponse, args: unknown[]): void {
  const { response } = original;
  const call: ResponseCall = { method: 'write', args };
  if (isGone(response)) failAsDestroyed(call);
  else discardCall(original, call);
  setImmediate(() => original.callBack(() => response.emit('drain'), []));
}

/** Fails a call on a response whose connection is gone: passes the error to the callback of a `write`. */
export function failAsDestroyed({ method, args }: ResponseCall): void {
  const callback = method === 'write' ? callbackOf(args) : undefined;
  if (callback) process.nextTick(callback, writeAfterDestroy());
}

/** Fails a write after the end, as Node does. Emits "error" only to a listener: without one the process would end. */
export function failAsEnded(original: OriginalResponse, args: readonly unknown[]): void {
  const { response } = original;
  const error = writeAfterEnd();
  const callback = callbackOf(args);
  process.nextTick(() => {
    if (callback) original.callBack(callback, [error]);
    if (isGone(response) || response.listenerCount('error') === 0) return;
    try {
      response.emit('error', error);
    } catch (thrown) {
      // `pipe` removes its listener and emits the same error again, which then throws.
      if (thrown !== error) original.cutOff(thrown);
    }
  });
}
