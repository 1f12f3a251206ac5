import type { ServerResponse } from 'node:http';
import { hasChunk, isHttp1, type Callback, type Method } from './response-calls.js';
import type { ResponseListener } from './response-listener.js';
import { GivenHeaders, headersOfHead, type HeadHeaders } from '../headers/shared-headers.js';

/** A method before the hook patched it. Its arguments are passed on unchanged. */
type Original = (this: ServerResponse, ...args: unknown[]) => unknown;

/** Wraps the listener's error while it passes through `writeHead`, to tell it apart from the application's errors. */
export class HeadFailed extends Error {
  constructor(override readonly cause: unknown) {
    super('The listener failed while the head was being written.');
  }
}

/**
 * Gives access to the methods that a response had before the hook patched it: Node's, or those of code that
 * patched it earlier (such as compression). Calls the listener before the first head is written.
 */
export class OriginalResponse {
  readonly response: ServerResponse;
  readonly listener: ResponseListener;
  readonly writeHead: Original;
  readonly write: Original;
  readonly end: Original;
  readonly flushHeaders: Original;
  readonly on: Original;
  /** The listener's `onHead` has been called. */
  headDone = false;
  /** `end` has been called. */
  finished = false;
  /** An original method is running. It may call the patched `writeHead` to write the head. */
  calling = false;
  /** The arguments of the implicit head, which Node writes without a `writeHead` call. */
  impliedHead: unknown[] | undefined;

  constructor(response: ServerResponse, listener: ResponseListener) {
    this.response = response;
    this.listener = listener;
    const methods = response as unknown as Record<Method | 'on', Original>;
    this.writeHead = methods.writeHead;
    this.write = methods.write;
    this.end = methods.end;
    this.flushHeaders = methods.flushHeaders;
    this.on = methods.on;
  }

  /** @throws HeadFailed with the listener's error as `cause` */
  call(method: Method, args: unknown[]): unknown {
    if (method === 'writeHead') return this.#callWriteHead(args);
    if (method === 'end') this.#writeHeadBeforeEnd(args);
    const result = this[method].apply(this.response, args);
    // Over HTTP/2 `end` calls `write`, so the flag must not be set before it returns.
    if (method === 'end') this.finished = true;
    return result;
  }

  /** An `end` without a body over HTTP/2 marks the stream as ended before the head, after which no failure could be sent. */
  #writeHeadBeforeEnd([chunk]: unknown[]): void {
    const { response } = this;
    if (isHttp1(response) || response.headersSent || hasChunk(response, chunk)) return;
    response.writeHead(response.statusCode);
  }

  #callWriteHead(given: unknown[]): void {
    const args = this.impliedHead ?? given;
    this.impliedHead = undefined;
    const head = this.headDone ? undefined : this.#callListener(args);
    if (!(head instanceof GivenHeaders)) {
      this.writeHead.apply(this.response, args);
      return;
    }
    try {
      this.writeHead.apply(this.response, args);
    } catch (error) {
      // A response that reports the failure keeps the cookie.
      head.moveTo(this.response);
      throw error;
    }
  }

  #callListener(args: unknown[]): HeadHeaders {
    this.headDone = true;
    const head = headersOfHead(this.response, args);
    try {
      this.listener.onHead(head);
    } catch (error) {
      throw new HeadFailed(error);
    }
    return head;
  }

  /** Passes an invalid call on so that Node throws. Does not call the listener. */
  callRefused(method: Method, args: unknown[]): unknown {
    const nested = this.calling;
    this.calling = true;
    try {
      return this[method].apply(this.response, args);
    } finally {
      this.calling = nested;
    }
  }

  /** Calls a callback of the application outside of its call stack. An error that it throws cuts the response off. */
  callBack(callback: Callback, args: unknown[]): void {
    try {
      callback.apply(this.response, args);
    } catch (error) {
      this.cutOff(error);
    }
  }

  /** Reports the error to the listener and destroys the response. For errors that no response can report. */
  cutOff(error: unknown): void {
    try {
      this.listener.onLost(error);
    } catch {
      // The listener was the last place to report an error to.
    }
    this.response.destroy();
  }
}
