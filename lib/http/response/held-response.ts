import type { ServerResponse } from 'node:http';
import type { OriginalResponse } from './original-response.js';
import { writeHead } from './patched-methods.js';
import {
  assertBody,
  copyHead,
  headSent,
  isHttp1,
  writesAfterEnd,
  type Callback,
  type Method,
} from './response-calls.js';
import { ResponseFacade } from './response-facade.js';
import { discardCall, failAsDestroyed, failAsEnded, type ResponseCall } from './unsent-calls.js';

/** A response that waits for the listener. Records the application's calls in order. */
export class HeldResponse {
  readonly #original: OriginalResponse;
  readonly #calls: ResponseCall[] = [];
  /** Value at the first call. Without the hold Node would write the head then, so later changes must have no effect. */
  #statusMessage: string | undefined;
  #impliedHead: unknown[];
  /** The `writeHead` of code that patched the response after the hook, and that has already been called. */
  #wrapper: ServerResponse['writeHead'] | undefined;
  /** Set from {@link pretendSent} on. */
  #facade!: ResponseFacade;
  #showingHead = false;
  #ended = false;

  constructor(original: OriginalResponse) {
    this.#original = original;
    const { response } = original;
    this.#statusMessage = messageOf(response);
    this.#impliedHead = [response.statusCode];
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Calls the `writeHead` of code that patched the response after the hook (such as compression) now, as Node would do
   * at the first call: such code sets headers in it and decides how to encode the body.
   *
   * @returns the error that it threw, if any
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

  /** Makes the response look sent until {@link endPretence}. */
  pretendSent(): void {
    this.#facade = new ResponseFacade(this.#original, () => this.#ended);
  }

  endPretence(): void {
    this.#facade.end();
  }

  holdHead(args: unknown[]): void {
    this.#calls.push({ method: 'writeHead', args: copyHead(args) });
    const status = Number(args[0]) | 0;
    if (status >= 200) this.#original.response.statusCode = status;
  }

  /** Handles a `writeHead` after the first call: it is the wrapper's, or it is too late and throws. */
  holdSecondHead(args: unknown[]): void {
    if (!this.#showingHead) throw headSent(this.#original.response, 'write');
    this.#impliedHead = copyHead(args);
    // The wrapper may have set it, and Node would write the head here.
    this.#statusMessage = messageOf(this.#original.response);
  }

  holdEnd(args: unknown[]): void {
    const original = this.#original;
    if (!this.#ended) {
      assertBody(original.response, 'end', args);
      this.hold('end', args);
      this.#ended = true;
    } else if (writesAfterEnd(original.response, args)) failAsEnded(original, args);
    else this.hold('end', args);
  }

  /** Records a call. Its callbacks run outside of any try block of the application, so their errors are caught here. */
  hold(method: Method, args: unknown[]): void {
    const original = this.#original;
    const guarded = args.map((arg) =>
      typeof arg === 'function'
        ? (...results: unknown[]) => original.callBack(arg as Callback, results)
        : arg,
    );
    this.#calls.push({ method, args: guarded });
  }

  /** @throws HeadFailed with the listener's error as `cause` */
  send(): void {
    const original = this.#original;
    const { response } = original;
    if (isHttp1(response)) response.statusMessage = this.#statusMessage!;
    original.calling = true;
    if (this.#wrapper) response.writeHead = writeHead;
    original.impliedHead = this.#calls[0]!.method === 'writeHead' ? undefined : this.#impliedHead;
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

  /** Resumes streams that wait because a held `write` returned false. */
  emitDrain(): void {
    try {
      this.#facade.emitDrain();
    } catch (error) {
      this.#original.cutOff(error);
    }
  }
}

/** HTTP/2 has no status message, and reading it prints a warning. */
const messageOf = (response: ServerResponse): string | undefined =>
  isHttp1(response) ? response.statusMessage : undefined;
