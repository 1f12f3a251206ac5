import type { OriginalResponse } from './original-response.js';
import { callbackOf, isGone, writeAfterDestroy, writeAfterEnd, type Method } from './response-calls.js';

/** A call with its arguments as they were. */
export interface ResponseCall {
  method: Method;
  args: unknown[];
}

/** For a call of a response that a failure has replaced. Whoever waits for its callback goes on. */
export function discardCall(original: OriginalResponse, { method, args }: ResponseCall): void {
  const callback = callbackOf(args);
  if (!callback) return;
  if (method === 'end') original.end.call(original.response, callback);
  else process.nextTick(() => original.callBack(callback, []));
}

/** For a call of a response whose connection is gone. */
export function failAsDestroyed({ method, args }: ResponseCall): void {
  const callback = method === 'write' ? callbackOf(args) : undefined;
  if (callback) process.nextTick(callback, writeAfterDestroy());
}

/** For a write after the end. As Node does, but without an "error" event that has no listener: it would end the process. */
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
      // `pipe` stops listening and emits it again.
      if (thrown !== error) original.cutOff(thrown);
    }
  });
}
