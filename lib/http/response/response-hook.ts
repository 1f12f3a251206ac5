import type { ServerResponse } from 'node:http';
import { sendFailure } from '../failure-response.js';
import { HeldResponse } from './held-response.js';
import { HeadFailed, OriginalResponse } from './original-response.js';
import { patchMethods, type Patch } from './patched-methods.js';
import { admits, assertBody, isGone, isHttp1, writesAfterEnd, type Method } from './response-calls.js';
import type { FailureAnswer, ResponseListener } from './response-listener.js';
import { discardCall, discardWrite, failAsDestroyed, failAsEnded } from './unsent-calls.js';

export { preallocate } from './patched-methods.js';
export type { FailureAnswer, ResponseListener };

/**
 * Calls the listener before a raw response is sent, whether by `end`, a stream, server-sent events, an
 * exception filter or a framework. This folder holds everything about how a response is sent, and nothing
 * about sessions.
 */
export function hookResponse(response: ServerResponse, listener: ResponseListener): void {
  patchMethods(response, new ResponseHook(new OriginalResponse(response, listener)));
}

/** Open → Passing or Held; Held → Passing; both → Replaced. */
enum Phase {
  /** The application has not started the response. */
  Open,
  /** The response waits for the listener. */
  Held,
  /** Calls reach the original response. */
  Passing,
  /** A failure was sent instead; the calls of the application are discarded. */
  Replaced,
}

class ResponseHook implements Patch {
  readonly #original: OriginalResponse;
  #phase = Phase.Open;
  #held: HeldResponse | undefined;

  constructor(original: OriginalResponse) {
    this.#original = original;
  }

  writeHead(args: unknown[]): void {
    if (this.#phase === Phase.Open) {
      if (this.#original.calling || !this.#admits('writeHead', args)) {
        this.#original.callRefused('writeHead', args);
        return;
      }
      this.#begin(Number(args[0]) | 0);
      if (this.#held) return this.#held.holdHead(args);
    }
    if (this.#held) this.#held.holdSecondHead(args);
    else this.#pass('writeHead', args);
  }

  write(args: unknown[]): boolean {
    if (this.#phase === Phase.Open) {
      if (!this.#admits('write', args)) return this.#original.callRefused('write', args) as boolean;
      this.#beginWithImpliedHead();
    }
    if (this.#phase === Phase.Passing && !this.#original.finished)
      return this.#pass('write', args) as boolean;
    assertBody(this.#original.response, 'write', args);
    if (this.#phase === Phase.Replaced) discardWrite(this.#original, args);
    else if (!this.#held || this.#held.ended) failAsEnded(this.#original, args);
    else this.#held.hold('write', args);
    // `false` makes a stream wait for "drain", which is emitted once the response is released or the data discarded.
    return false;
  }

  end(args: unknown[]): void {
    if (this.#phase === Phase.Open) {
      if (!this.#admits('end', args)) {
        this.#original.callRefused('end', args);
        return;
      }
      this.#beginWithImpliedHead();
    }
    if (this.#held) this.#held.holdEnd(args);
    else if (this.#phase === Phase.Replaced) discardCall(this.#original, { method: 'end', args });
    else if (this.#original.finished && writesAfterEnd(this.#original.response, args))
      failAsEnded(this.#original, args);
    else this.#pass('end', args);
  }

  flushHeaders(): void {
    if (this.#phase === Phase.Open) {
      if (!this.#admits('flushHeaders', [])) {
        this.#original.callRefused('flushHeaders', []);
        return;
      }
      this.#beginWithImpliedHead();
    }
    if (this.#held) this.#held.hold('flushHeaders', []);
    else this.#pass('flushHeaders', []);
  }

  /** Whether this call may begin the response. If not, the caller passes it on so that Node throws. */
  #admits(method: Method, args: unknown[]): boolean {
    return admits(this.#original.response, method, args);
  }

  /** Begins with a call for which Node writes an implicit head. */
  #beginWithImpliedHead(): void {
    this.#begin(this.#original.response.statusCode, true);
  }

  #begin(status: number, impliedHead = false): void {
    const pending = this.#askListener(status);
    if (!pending) {
      this.#phase = Phase.Passing;
      return;
    }
    this.#phase = Phase.Held;
    const held = (this.#held = new HeldResponse(this.#original));
    const broken = impliedHead ? held.showHeadToWrapper() : undefined;
    held.pretendSent();
    pending
      .then(
        () => (broken ? this.#replace(broken.error) : this.#release()),
        (error: unknown) => this.#replace(error),
      )
      .catch((error: unknown) => this.#original.cutOff(error));
  }

  #askListener(status: number): void | Promise<void> {
    try {
      return this.#original.listener.beforeHead(status);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Calls the original method now. An error of the listener replaces the response and is not thrown to the application. */
  #pass(method: Method, args: unknown[]): unknown {
    const original = this.#original;
    if (original.calling) return original.call(method, args);
    original.calling = true;
    try {
      return original.call(method, args);
    } catch (error) {
      if (!(error instanceof HeadFailed)) throw error;
      this.#replace(error.cause, undefined, method === 'end');
      this.#discard(method, args);
      return true;
    } finally {
      original.calling = false;
    }
  }

  /** Ends a call that the failure has replaced, so that its caller continues. */
  #discard(method: Method, args: unknown[]): void {
    if (this.#phase === Phase.Replaced) discardCall(this.#original, { method, args });
    else failAsDestroyed({ method, args });
  }

  /** Sends the held response. Must not throw: it runs outside of the application's call stack. */
  #release(): void {
    const held = this.#takeHeld()!;
    const { response } = this.#original;
    this.#phase = Phase.Passing;
    // The client disconnected meanwhile. What was stored stays stored, but no response can be sent.
    if (isGone(response)) return held.failAsDestroyed();
    try {
      held.send();
    } catch (error) {
      const cause = error instanceof HeadFailed ? error.cause : error;
      if (response.headersSent) this.#original.cutOff(cause);
      else this.#replace(cause, held);
      return;
    }
    held.emitDrain();
  }

  /** Sends a failure instead of the application's response, during the application's call or later. */
  #replace(error: unknown, held = this.#takeHeld(), ended = held?.ended): void {
    this.#phase = Phase.Passing;
    const { response } = this.#original;
    if (isGone(response)) return held?.failAsDestroyed();
    // Code that still streams, such as Nest's server-sent events, goes on until its connection is closed.
    if (!ended && isHttp1(response)) response.shouldKeepAlive = false;
    sendFailure(this.#original, error);
    this.#phase = Phase.Replaced;
    held?.discard();
    held?.emitDrain();
  }

  #takeHeld(): HeldResponse | undefined {
    const held = this.#held;
    this.#held = undefined;
    held?.endPretence();
    return held;
  }
}
