import type { ServerResponse } from 'node:http';
import {
  admits,
  assertBody,
  callbackOf,
  copyHead,
  headSent,
  isGone,
  isHttp1,
  writeAfterDestroy,
  writeAfterEnd,
  writesAfterEnd,
  type Method,
} from './response-calls.js';
import { ResponseFacade } from './response-facade.js';
import { takeShared } from './shared-headers.js';

/** What the owner of a hook does as the response leaves. */
export interface ResponseListener {
  /**
   * The application begins to answer. With a promise nothing leaves, neither head nor body, until it
   * is settled; if it rejects, {@link answerFailure} takes the place of the application's answer.
   */
  beforeHead(status: number): void | Promise<void>;
  /** The head is being written: the last moment for headers. An error is answered as a failure. */
  onHead(response: ServerResponse): void;
  answerFailure(error: unknown): FailureAnswer;
  /** Something failed that no answer can tell of: the response was cut off, or the failure's own answer failed. */
  onLost(error: unknown): void;
}

export interface FailureAnswer {
  status: number;
  /** @default JSON */
  contentType?: string;
  body: string;
}

/** Headers that speak of the answer which a failure takes the place of. */
const OF_THE_BODY = [
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
  'content-disposition',
  'transfer-encoding',
  'trailer',
  'etag',
  'last-modified',
  'cache-control',
  'expires',
  'location',
  'accept-ranges',
];

enum Phase {
  /** Nothing was answered yet. */
  Open,
  /** The answer waits for the listener. */
  SessionHandle,
  /** The answer goes through. */
  Through,
  /** A failure was answered instead; the application's own answer is dropped. */
  Replaced,
}

/** A call that waits, with its arguments as they were. */
interface Op {
  method: Method;
  args: unknown[];
}

/** An answer that waits. */
interface HeldAnswer {
  readonly ops: Op[];
  /** The application has called `end`. */
  ended: boolean;
  /** As it was at the first call: Node writes the head at once, so that later changes are none. */
  readonly message: string | undefined;
  /** The head that Node is to write of its own accord. */
  implied: unknown[];
  /** Its `writeHead`, where somebody who came after us has replaced it: they have heard of the head already. */
  wrapper: ServerResponse['writeHead'] | undefined;
  facade: ResponseFacade | undefined;
}

type Listener = (...args: unknown[]) => unknown;

/** The methods with whatever arguments they were called with: they are handed on as they came. */
interface Methods {
  writeHead(...args: unknown[]): unknown;
  write(...args: unknown[]): boolean;
  end(...args: unknown[]): unknown;
  flushHeaders(): void;
  on(type: string | symbol, listener: Listener): unknown;
  once(type: string | symbol, listener: Listener): unknown;
}

/** Takes the listener's error out of whatever was writing a head, and tells it from one of the application. */
class HeadFailed extends Error {
  constructor(override readonly cause: unknown) {
    super('The listener failed as the head was written.');
  }
}

const HOOK = Symbol('response hook');

interface HookedResponse extends ServerResponse {
  [HOOK]: ResponseHook;
}

/** What a response does that is not sewn: whatever its prototype says by then. */
const unhooked = (method: Method): never =>
  function (this: ServerResponse, ...args: unknown[]): unknown {
    const prototype = Object.getPrototypeOf(this) as Record<Method, Listener>;
    return prototype[method].apply(this, args);
  } as never;

const UNHOOKED = {
  writeHead: unhooked('writeHead'),
  write: unhooked('write'),
  end: unhooked('end'),
  flushHeaders: unhooked('flushHeaders'),
};

/** Gives a new response the properties that {@link hookResponse} will set, without an effect of their own. */
export function preallocate(response: ServerResponse): void {
  (response as { [HOOK]?: ResponseHook })[HOOK] = undefined;
  response.writeHead = UNHOOKED.writeHead;
  response.write = UNHOOKED.write;
  response.end = UNHOOKED.end;
  response.flushHeaders = UNHOOKED.flushHeaders;
}

/**
 * Lets the listener act before a raw response leaves, by whichever way: `end`, a stream, server-sent
 * events, an exception filter, a framework. The only place that knows how a response leaves; it knows
 * nothing of sessions.
 *
 * The methods are replaced by functions that all responses share, so a response costs one object.
 */
export function hookResponse(response: ServerResponse, listener: ResponseListener): void {
  (response as HookedResponse)[HOOK] = new ResponseHook(response, listener);
  response.writeHead = writeHead;
  response.write = write as typeof response.write;
  response.end = end as typeof response.end;
  response.flushHeaders = flushHeaders;
}

function writeHead(this: HookedResponse, ...args: unknown[]): ServerResponse {
  this[HOOK].writeHead(args);
  return this;
}

function write(this: HookedResponse, ...args: unknown[]): boolean {
  return this[HOOK].write(args);
}

function end(this: HookedResponse, ...args: unknown[]): ServerResponse {
  this[HOOK].end(args);
  return this;
}

function flushHeaders(this: HookedResponse): void {
  this[HOOK].flushHeaders();
}

class ResponseHook {
  readonly #response: ServerResponse;
  readonly #listener: ResponseListener;
  /** The methods as they were: Node's, or those of whoever came before (compression, say). */
  readonly #before: Methods;
  #phase = Phase.Open;
  #headDone = false;
  #held: HeldAnswer | undefined;
  /** What a head that Node writes of its own accord is to say. */
  #implied: unknown[] | undefined;
  /** `end` has been carried out. */
  #finished = false;
  /** One of the methods before ours is at work, and may come back to write the head. */
  #carrying = false;
  /** Those who came after us hear of a head that is written later. */
  #announcing = false;

  constructor(response: ServerResponse, listener: ResponseListener) {
    this.#response = response;
    this.#listener = listener;
    const { writeHead, write, end, flushHeaders, on, once } = response as unknown as Methods;
    this.#before = { writeHead, write, end, flushHeaders, on, once };
  }

  writeHead(args: unknown[]): void {
    if (this.#phase === Phase.Open) {
      if (this.#carrying || !admits(this.#response, 'writeHead', args)) {
        this.#refuse('writeHead', args);
        return;
      }
      this.#begin(Number(args[0]) | 0);
      if (this.#held) return this.#holdHead(this.#held, args);
    }
    if (this.#announcing) this.#held!.implied = copyHead(args);
    else if (this.#held) throw headSent(this.#response, 'write');
    else this.#carry('writeHead', args);
  }

  write(args: unknown[]): boolean {
    if (this.#phase === Phase.Open) {
      if (!admits(this.#response, 'write', args)) return this.#refuse('write', args) as boolean;
      this.#begin(this.#response.statusCode, 'implied');
    }
    if (this.#phase === Phase.Through && !this.#finished) return this.#carry('write', args) as boolean;
    assertBody(this.#response, 'write', args);
    if (this.#phase === Phase.Replaced) {
      this.#drop({ method: 'write', args });
      // A stream goes on writing where a failure took the place of its answer: it is let run dry.
      return true;
    }
    if (!this.#held || this.#held.ended) this.#tellOfEnd(args);
    else this.#hold(this.#held, 'write', args);
    // `false` asks a stream to wait for "drain", which follows when a held answer goes on.
    return false;
  }

  end(args: unknown[]): void {
    if (this.#phase === Phase.Open) {
      if (!admits(this.#response, 'end', args)) {
        this.#refuse('end', args);
        return;
      }
      this.#begin(this.#response.statusCode, 'implied');
    }
    if (this.#held) this.#holdEnd(this.#held, args);
    else if (this.#phase === Phase.Replaced) this.#drop({ method: 'end', args });
    else if (this.#finished && writesAfterEnd(this.#response, args)) this.#tellOfEnd(args);
    else this.#carry('end', args);
  }

  flushHeaders(): void {
    if (this.#phase === Phase.Open) {
      if (!admits(this.#response, 'flushHeaders', [])) {
        this.#refuse('flushHeaders', []);
        return;
      }
      this.#begin(this.#response.statusCode, 'implied');
    }
    if (this.#held) this.#hold(this.#held, 'flushHeaders', []);
    else this.#carry('flushHeaders', []);
  }

  /** Lets Node throw, with nothing begun. */
  #refuse(method: Method, args: unknown[]): unknown {
    const nested = this.#carrying;
    this.#carrying = true;
    try {
      return this.#before[method].apply(this.#response, args as []);
    } finally {
      this.#carrying = nested;
    }
  }

  #begin(status: number, head?: 'implied'): void {
    const pending = this.#ask(status);
    if (!pending) {
      this.#phase = Phase.Through;
      return;
    }
    this.#phase = Phase.SessionHandle;
    const response = this.#response;
    const held: HeldAnswer = (this.#held = {
      ops: [],
      ended: false,
      // Over HTTP/2 there is none, and whoever asks is warned.
      message: isHttp1(response) ? response.statusMessage : undefined,
      implied: [response.statusCode],
      wrapper: undefined,
      facade: undefined,
    });
    const broken = head === 'implied' ? this.#announce(held) : undefined;
    held.facade = new ResponseFacade(response, this.#before, () => held.ended);
    pending
      .then(
        () => (broken ? this.#replace(broken.error) : this.#release()),
        (error: unknown) => this.#replace(error),
      )
      .catch((error: unknown) => this.#cutOff(error));
  }

  #ask(status: number): void | Promise<void> {
    try {
      return this.#listener.beforeHead(status);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Node writes the head at the first call, by way of whoever has replaced `writeHead` since (compression, say). They
   * hear of it now, since they have headers to set and decide what they do to the body.
   */
  #announce(held: HeldAnswer): { error: unknown } | undefined {
    const response = this.#response;
    if ((response.writeHead as unknown) === writeHead) return undefined;
    held.wrapper = response.writeHead;
    this.#announcing = true;
    try {
      response.writeHead(response.statusCode);
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      this.#announcing = false;
    }
  }

  #holdHead(held: HeldAnswer, args: unknown[]): void {
    held.ops.push({ method: 'writeHead', args: copyHead(args) });
    const status = Number(args[0]) | 0;
    if (status >= 200) this.#response.statusCode = status;
  }

  #holdEnd(held: HeldAnswer, args: unknown[]): void {
    if (!held.ended) {
      assertBody(this.#response, 'end', args);
      this.#hold(held, 'end', args);
      held.ended = true;
    } else if (writesAfterEnd(this.#response, args)) this.#tellOfEnd(args);
    else if (callbackOf(args)) this.#hold(held, 'end', args);
  }

  /** Callbacks are called when nobody is left who would catch what they throw. */
  #hold(held: HeldAnswer, method: Method, args: unknown[]): void {
    const guarded = args.map((arg) =>
      typeof arg === 'function' ? (...told: unknown[]) => this.#call(arg as Listener, told) : arg,
    );
    held.ops.push({ method, args: guarded });
  }

  #call(callback: Listener, args: unknown[]): void {
    try {
      callback.apply(this.#response, args);
    } catch (error) {
      this.#cutOff(error);
    }
  }

  /** At the call. A failure of the listener is none of the application's, and is answered here. */
  #carry(method: Method, args: unknown[]): unknown {
    if (this.#carrying) return this.#carryOut(method, args);
    this.#carrying = true;
    try {
      return this.#carryOut(method, args);
    } catch (error) {
      if (!(error instanceof HeadFailed)) throw error;
      this.#replace(error.cause);
      return true;
    } finally {
      this.#carrying = false;
    }
  }

  #carryOut(method: Method, args: unknown[]): unknown {
    if (method === 'writeHead') return this.#writeHead(args);
    const result = this.#before[method].apply(this.#response, args as []);
    // Over HTTP/2 this writes by `write`, so the answer is finished only afterwards.
    if (method === 'end') this.#finished = true;
    return result;
  }

  #writeHead(given: unknown[]): void {
    const args = this.#implied ?? given;
    this.#implied = undefined;
    if (!this.#headDone) {
      this.#headDone = true;
      takeShared(this.#response, args);
      try {
        this.#listener.onHead(this.#response);
      } catch (error) {
        throw new HeadFailed(error);
      }
    }
    this.#before.writeHead.apply(this.#response, args);
  }

  /** Nothing of this may throw: nobody would catch it. */
  #release(): void {
    const held = this.#letGo();
    this.#phase = Phase.Through;
    // The client went away meanwhile: what was stored stays stored, and nobody is left to answer.
    if (isGone(this.#response)) return held.ops.forEach(tellOfDestroy);
    try {
      this.#carryOutAll(held);
    } catch (error) {
      const cause = error instanceof HeadFailed ? error.cause : error;
      if (this.#response.headersSent) this.#cutOff(cause);
      else this.#replace(cause, held);
      return;
    }
    this.#wake(held);
  }

  #carryOutAll({ ops, implied, message, wrapper }: HeldAnswer): void {
    const response = this.#response;
    if (isHttp1(response) && response.statusMessage !== message) response.statusMessage = message!;
    const first = ops[0]?.method === 'writeHead' ? undefined : implied;
    this.#carrying = true;
    if (wrapper) response.writeHead = writeHead;
    this.#implied = first;
    try {
      for (const { method, args } of ops) this.#carryOut(method, args);
    } finally {
      this.#carrying = false;
      if (wrapper) response.writeHead = wrapper;
    }
  }

  /** Answers with a failure, at the call or later. */
  #replace(error: unknown, held = this.#held && this.#letGo()): void {
    this.#phase = Phase.Through;
    if (isGone(this.#response)) return held?.ops.forEach(tellOfDestroy);
    try {
      this.#answerFailure(error);
    } catch (second) {
      this.#answerPlainly(second);
    }
    this.#phase = Phase.Replaced;
    if (!held) return;
    for (const op of held.ops) this.#drop(op);
    this.#wake(held);
  }

  #answerFailure(error: unknown): void {
    const response = this.#response;
    const { status, body, contentType } = this.#listener.answerFailure(error);
    // Of a header that is not there the removal is remembered: Node then writes neither length nor chunks.
    for (const name of OF_THE_BODY) if (response.hasHeader(name)) response.removeHeader(name);
    if (this.#headDone) response.setHeader('Cache-Control', 'no-store');
    else {
      this.#headDone = true;
      this.#listener.onHead(response);
    }
    this.#answer(status, body, contentType);
  }

  /** Not even the failure could be told in the listener's words. */
  #answerPlainly(error: unknown): void {
    const response = this.#response;
    if (response.headersSent) return this.#cutOff(error);
    try {
      this.#listener.onLost(error);
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      response.setHeader('Cache-Control', 'no-store');
      this.#answer(500, '{"statusCode":500,"message":"Internal server error"}');
    } catch (third) {
      this.#cutOff(third);
    }
  }

  #answer(status: number, body: string, contentType = 'application/json; charset=utf-8'): void {
    const response = this.#response;
    if (isHttp1(response)) response.statusMessage = '';
    response.setHeader('Content-Type', contentType);
    response.setHeader('Content-Length', Buffer.byteLength(body));
    this.#headDone = true;
    this.#before.writeHead.call(response, status);
    this.#carryOut('end', [body]);
  }

  /** The last resort. */
  #cutOff(error: unknown): void {
    try {
      this.#listener.onLost(error);
    } catch {
      // Nobody is left to tell.
    }
    this.#response.destroy();
  }

  /** A call whose place a failure took. Whoever waits for its callback goes on. */
  #drop({ method, args }: Op): void {
    const callback = callbackOf(args);
    if (!callback) return;
    if (method === 'end') this.#before.end.call(this.#response, callback);
    else process.nextTick(() => this.#call(callback, []));
  }

  /** As Node tells of it, but for an "error" that nobody listens for: that would end the process. */
  #tellOfEnd(args: unknown[]): void {
    const response = this.#response;
    const error = writeAfterEnd();
    const callback = callbackOf(args);
    process.nextTick(() => {
      if (callback) this.#call(callback, [error]);
      if (isGone(response) || response.listenerCount('error') === 0) return;
      try {
        response.emit('error', error);
      } catch (thrown) {
        // `pipe` stops listening and emits it again.
        if (thrown !== error) this.#cutOff(thrown);
      }
    });
  }

  /** Ends the facade, and hands out what was held. */
  #letGo(): HeldAnswer {
    const held = this.#held!;
    this.#held = undefined;
    held.facade?.end();
    return held;
  }

  #wake(held: HeldAnswer): void {
    try {
      held.facade?.wake();
    } catch (error) {
      this.#cutOff(error);
    }
  }
}

function tellOfDestroy({ method, args }: Op): void {
  const callback = method === 'write' ? callbackOf(args) : undefined;
  if (callback) process.nextTick(callback, writeAfterDestroy());
}
