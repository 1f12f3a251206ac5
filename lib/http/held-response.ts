import type { ServerResponse } from 'node:http';
import type { OriginalResponse } from './original-response.js';
import { writeHead } from './patched-methods.js';
import {
  assertBody,
  callbackOf,
  copyHead,
  headSent,
  isHttp1,
  writesAfterEnd,
  type Callback,
  type Method,
} from './response-calls.js';
import { ResponseFacade } from './response-facade.js';
import { discardCall, failAsDestroyed, failAsEnded, type ResponseCall } from './unsent-calls.js';

/** A response that waits for the listener: the calls of the application, in their order. */
export class HeldResponse {
  readonly #original: OriginalResponse;
  readonly #calls: ResponseCall[] = [];
  /** As it was at the first call: Node writes the head at once, so later changes have no effect. */
  readonly #statusMessage: string | undefined;
  #impliedHead: unknown[];
  /** The `writeHead` of somebody who has patched the response after us, and has seen the head already. */
  #wrapper: ServerResponse['writeHead'] | undefined;
  #facade: ResponseFacade | undefined;
  #showingHead = false;
  #ended = false;

  constructor(original: OriginalResponse) {
    this.#original = original;
    const { response } = original;
    // Over HTTP/2 there is none, and reading it prints a warning.
    this.#statusMessage = isHttp1(response) ? response.statusMessage : undefined;
    this.#impliedHead = [response.statusCode];
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Node writes the head at the first call, by the `writeHead` of whoever has patched it since (compression, say). It
   * is called now, since such code sets headers in it, and decides there what becomes of the body.
   *
   * @returns what it threw
   */
  showHeadToWrapper(): { error: unknown } | undefined {
    const { response } = this.#original;
    if ((response.writeHead as unknown) === writeHead) return undefined;
    this.#wrapper = response.writeHead;
    this.#showingHead = true;
    try {
      response.writeHead(response.statusCode);
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      this.#showingHead = false;
    }
  }

  /** From now on the response looks as if it had left, until {@link endPretence}. */
  pretendSent(): void {
    this.#facade = new ResponseFacade(this.#original, () => this.#ended);
  }

  endPretence(): void {
    this.#facade?.end();
  }

  holdHead(args: unknown[]): void {
    this.#calls.push({ method: 'writeHead', args: copyHead(args) });
    const status = Number(args[0]) | 0;
    if (status >= 200) this.#original.response.statusCode = status;
  }

  /** A head after the first call: the wrapper's, or too late. */
  holdSecondHead(args: unknown[]): void {
    if (!this.#showingHead) throw headSent(this.#original.response, 'write');
    this.#impliedHead = copyHead(args);
  }

  holdEnd(args: unknown[]): void {
    const original = this.#original;
    if (!this.#ended) {
      assertBody(original.response, 'end', args);
      this.hold('end', args);
      this.#ended = true;
    } else if (writesAfterEnd(original.response, args)) failAsEnded(original, args);
    else if (callbackOf(args)) this.hold('end', args);
  }

  /** Callbacks are called when nobody is left who would catch what they throw. */
  hold(method: Method, args: unknown[]): void {
    const original = this.#original;
    const guarded = args.map((arg) =>
      typeof arg === 'function'
        ? (...results: unknown[]) => original.callBack(arg as Callback, results)
        : arg,
    );
    this.#calls.push({ method, args: guarded });
  }

  /** @throws HeadFailed what the listener threw */
  send(): void {
    const original = this.#original;
    const { response } = original;
    if (isHttp1(response) && response.statusMessage !== this.#statusMessage)
      response.statusMessage = this.#statusMessage!;
    original.calling = true;
    if (this.#wrapper) response.writeHead = writeHead;
    original.impliedHead = this.#calls[0]?.method === 'writeHead' ? undefined : this.#impliedHead;
    try {
      for (const { method, args } of this.#calls) original.call(method, args);
    } finally {
      original.calling = false;
      if (this.#wrapper) response.writeHead = this.#wrapper;
    }
  }

  discard(): void {
    for (const call of this.#calls) discardCall(this.#original, call);
  }

  failAsDestroyed(): void {
    this.#calls.forEach(failAsDestroyed);
  }

  /** Lets streams go on that a held `write` told to wait. */
  emitDrain(): void {
    try {
      this.#facade?.emitDrain();
    } catch (error) {
      this.#original.cutOff(error);
    }
  }
}
