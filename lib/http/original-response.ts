import type { ServerResponse } from 'node:http';
import type { Callback, Method } from './response-calls.js';
import type { ResponseListener } from './response-listener.js';
import { takeShared } from './shared-headers.js';

/** A method before it was patched. Its arguments are handed on as they came. */
type Original = (this: ServerResponse, ...args: unknown[]) => unknown;

/** Carries the listener's error through whatever was writing a head, and tells it from one of the application. */
export class HeadFailed extends Error {
  constructor(override readonly cause: unknown) {
    super('The listener failed as the head was written.');
  }
}

/**
 * A response by the methods that it had before they were patched: Node's, or those of whoever came earlier
 * (compression, say). The listener gets the first head before it is written.
 */
export class OriginalResponse {
  readonly response: ServerResponse;
  readonly listener: ResponseListener;
  readonly writeHead: Original;
  readonly write: Original;
  readonly end: Original;
  readonly flushHeaders: Original;
  readonly on: Original;
  readonly once: Original;
  /** The listener had its chance to set headers. */
  headDone = false;
  /** `end` has been called. */
  finished = false;
  /** One of the methods is at work, and may call the patched `writeHead` to write the head. */
  calling = false;
  /** The arguments of the head that Node writes of its own accord. */
  impliedHead: unknown[] | undefined;

  constructor(response: ServerResponse, listener: ResponseListener) {
    this.response = response;
    this.listener = listener;
    const methods = response as unknown as Record<Method | 'on' | 'once', Original>;
    this.writeHead = methods.writeHead;
    this.write = methods.write;
    this.end = methods.end;
    this.flushHeaders = methods.flushHeaders;
    this.on = methods.on;
    this.once = methods.once;
  }

  /** @throws HeadFailed what the listener threw */
  call(method: Method, args: unknown[]): unknown {
    if (method === 'writeHead') return this.#callWriteHead(args);
    const result = this[method].apply(this.response, args);
    // Over HTTP/2 this writes by `write`, so the response is finished only afterwards.
    if (method === 'end') this.finished = true;
    return result;
  }

  #callWriteHead(given: unknown[]): void {
    const args = this.impliedHead ?? given;
    this.impliedHead = undefined;
    if (!this.headDone) {
      this.headDone = true;
      takeShared(this.response, args);
      try {
        this.listener.onHead(this.response);
      } catch (error) {
        throw new HeadFailed(error);
      }
    }
    this.writeHead.apply(this.response, args);
  }

  /** Lets Node throw for a call that it refuses. The listener is not asked. */
  callRefused(method: Method, args: unknown[]): unknown {
    const nested = this.calling;
    this.calling = true;
    try {
      return this[method].apply(this.response, args);
    } finally {
      this.calling = nested;
    }
  }

  /** Calls a callback of the application where nobody is left to catch what it throws. */
  callBack(callback: Callback, args: unknown[]): void {
    try {
      callback.apply(this.response, args);
    } catch (error) {
      this.cutOff(error);
    }
  }

  /** The last resort. */
  cutOff(error: unknown): void {
    try {
      this.listener.onLost(error);
    } catch {
      // There is nobody left to report to.
    }
    this.response.destroy();
  }
}
