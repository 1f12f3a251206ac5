import type { ServerResponse, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';

/** What the owner of a seam does as the response leaves. */
export interface ResponseListener {
  /**
   * The application begins to answer. With a promise nothing leaves, neither head nor body, until it
   * is settled; if it rejects, {@link answerFailure} takes the place of the application's answer.
   */
  beforeHead(status: number): void | Promise<void>;
  /** The head is being written: the last moment for headers. */
  onHead(response: ServerResponse): void;
  answerFailure(error: unknown): { status: number; body: string };
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

/** Headers that the listener adds to, so that those given to `writeHead` must not replace its own. */
const SHARED = new Set(['set-cookie', 'cache-control', 'vary']);

/** What is another while an answer is held. */
const PRETENDED = [
  'headersSent',
  'writableEnded',
  'setHeader',
  'appendHeader',
  'removeHeader',
  'on',
  'once',
] as const;

enum Phase {
  /** Nothing was answered yet. */
  Open,
  /** The answer waits for the listener. */
  Held,
  /** The answer goes through. */
  Through,
  /** A failure was answered instead; the application's own answer is dropped. */
  Replaced,
}

type Op = () => void;
type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];
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

const SEAM = Symbol('response seam');

interface Sewn extends ServerResponse {
  [SEAM]: Seam;
}

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders';

/** What a response does that is not sewn: whatever its prototype says by then. */
const unsewn = (method: Method): never =>
  function (this: ServerResponse, ...args: unknown[]): unknown {
    const prototype = Object.getPrototypeOf(this) as Record<Method, Listener>;
    return prototype[method].apply(this, args);
  } as never;

const UNSEWN = {
  writeHead: unsewn('writeHead'),
  write: unsewn('write'),
  end: unsewn('end'),
  flushHeaders: unsewn('flushHeaders'),
};

/** Gives a new response the properties that {@link sewResponse} will set, without an effect of their own. */
export function makeRoom(response: ServerResponse): void {
  (response as { [SEAM]?: Seam })[SEAM] = undefined;
  response.writeHead = UNSEWN.writeHead;
  response.write = UNSEWN.write;
  response.end = UNSEWN.end;
  response.flushHeaders = UNSEWN.flushHeaders;
}

/**
 * Lets the listener act before a raw response leaves, by whichever way: `end`, a stream, server-sent
 * events, an exception filter, a framework. The only place that knows how a response leaves; it knows
 * nothing of sessions.
 *
 * The methods are replaced by functions that all responses share, so a response costs one object.
 */
export function sewResponse(response: ServerResponse, listener: ResponseListener): void {
  (response as Sewn)[SEAM] = new Seam(response, listener);
  response.writeHead = writeHead;
  response.write = write as typeof response.write;
  response.end = end as typeof response.end;
  response.flushHeaders = flushHeaders;
}

function writeHead(this: Sewn, ...args: unknown[]): ServerResponse {
  this[SEAM].writeHead(args);
  return this;
}

function write(this: Sewn, ...args: unknown[]): boolean {
  return this[SEAM].write(args);
}

function end(this: Sewn, ...args: unknown[]): ServerResponse {
  this[SEAM].end(args);
  return this;
}

function flushHeaders(this: Sewn): void {
  this[SEAM].flushHeaders();
}

class Seam {
  readonly #response: ServerResponse;
  readonly #listener: ResponseListener;
  /** The methods as they were: Node's, or those of whoever came before (compression, say). */
  readonly #before: Methods;
  #phase = Phase.Open;
  #headDone = false;
  #held: Op[] | undefined;
  #waiting: { method: 'on' | 'once'; listener: Listener }[] = [];
  /** The application has called `end`. */
  #ended = false;
  /** And that has been carried out. */
  #finished = false;
  #own: [string, PropertyDescriptor | undefined][] = [];

  constructor(response: ServerResponse, listener: ResponseListener) {
    this.#response = response;
    this.#listener = listener;
    const { writeHead, write, end, flushHeaders, on, once } = response as unknown as Methods;
    this.#before = { writeHead, write, end, flushHeaders, on, once };
  }

  writeHead(args: unknown[]): void {
    if (this.#phase === Phase.Open) this.#begin(args[0] as number);
    if (this.#phase === Phase.Through) this.#writeHead(args);
    else this.#hold(() => this.#writeHead(args));
  }

  write(args: unknown[]): boolean {
    if (this.#phase === Phase.Open) this.#begin(this.#response.statusCode);
    // A stream goes on writing where an exception's answer took the place of its own; Node would end the process over it.
    if (this.#finished) return true;
    if (this.#phase === Phase.Through) return this.#before.write.apply(this.#response, args);
    // `false` asks a stream to wait for "drain", which follows when the answer goes on.
    this.#hold(() => this.#before.write.apply(this.#response, args));
    return false;
  }

  end(args: unknown[]): void {
    if (this.#phase === Phase.Open) this.#begin(this.#response.statusCode);
    if (this.#phase === Phase.Through) this.#end(args);
    else this.#hold(() => this.#end(args));
    this.#ended = true;
  }

  /** Over HTTP/2 this writes by `write`, so the answer is finished only afterwards. */
  #end(args: unknown[]): void {
    this.#before.end.apply(this.#response, args);
    this.#finished = true;
  }

  flushHeaders(): void {
    if (this.#phase === Phase.Open) this.#begin(this.#response.statusCode);
    if (this.#phase === Phase.Through) this.#before.flushHeaders.call(this.#response);
    else this.#hold(() => this.#before.flushHeaders.call(this.#response));
  }

  #begin(status: number): void {
    const pending = this.#ask(status);
    if (!pending) {
      this.#phase = Phase.Through;
      return;
    }
    this.#phase = Phase.Held;
    this.#held = [];
    this.#pretendSent();
    pending.then(
      () => this.#release(),
      (error: unknown) => this.#replace(error),
    );
  }

  #ask(status: number): void | Promise<void> {
    try {
      return this.#listener.beforeHead(status);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** What is called after an `end` that is held belongs to a second answer, and there is none. */
  #hold(op: Op): void {
    if (!this.#ended && this.#phase === Phase.Held) this.#held!.push(op);
  }

  #writeHead(args: unknown[]): void {
    if (!this.#headDone) {
      this.#headDone = true;
      const last = args.length - 1;
      if (typeof args[last] === 'object' && args[last] !== null) {
        args[last] = this.#takeShared(args[last] as Headers);
      }
      this.#listener.onHead(this.#response);
    }
    this.#before.writeHead.apply(this.#response, args);
  }

  /**
   * Moves the shared headers of a `writeHead` call into the response, where the listener finds them.
   * Headers may be an object, pairs, or a flat list of names and values (which CVE-2025-7339 lost).
   */
  #takeShared(headers: Headers): Headers {
    if (Array.isArray(headers)) return this.#takeAll(headers);
    const rest: OutgoingHttpHeaders = {};
    for (const [name, value] of Object.entries(headers)) {
      if (SHARED.has(name.toLowerCase()) && value !== undefined) this.#take(name, value);
      else rest[name] = value;
    }
    return rest;
  }

  /** A list may name a header twice, which Node keeps only where nothing was set before: so all of it is set here. */
  #takeAll(list: OutgoingHttpHeader[]): Headers {
    const flat = Array.isArray(list[0]) ? (list as unknown as OutgoingHttpHeader[][]).flat() : list;
    const pairs = flat.flatMap((name, i) => (i % 2 === 0 ? [[String(name), flat[i + 1]!] as const] : []));
    for (const [name] of pairs) if (name.toLowerCase() !== 'set-cookie') this.#response.removeHeader(name);
    for (const [name, value] of pairs) this.#response.appendHeader(name, asText(value));
    return {};
  }

  #take(name: string, value: OutgoingHttpHeader): void {
    if (name.toLowerCase() === 'set-cookie') this.#response.appendHeader(name, asText(value));
    else this.#response.setHeader(name, value);
  }

  #release(): void {
    this.#stopPretending();
    this.#phase = Phase.Through;
    const held = this.#held!;
    this.#held = undefined;
    // The client went away meanwhile: what was stored stays stored, and nobody is left to answer.
    if (this.#response.destroyed) return;
    for (const op of held) op();
    this.#drained();
  }

  #replace(error: unknown): void {
    this.#stopPretending();
    this.#phase = Phase.Through;
    this.#held = undefined;
    const response = this.#response;
    if (response.destroyed) return;
    for (const name of OF_THE_BODY) response.removeHeader(name);
    const { status, body } = this.#listener.answerFailure(error);
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    response.setHeader('Content-Length', Buffer.byteLength(body));
    this.#headDone = true;
    this.#listener.onHead(response);
    this.#before.writeHead.call(response, status);
    this.#end([body]);
    this.#phase = Phase.Replaced;
    this.#drained();
  }

  /** Wakes the streams that a held `write` told to wait. */
  #drained(): void {
    this.#response.emit('drain');
    for (const { method, listener } of this.#waiting) {
      if (method === 'on') this.#before.on.call(this.#response, 'drain', listener);
      listener.call(this.#response);
    }
    this.#waiting = [];
  }

  /** Waits for "drain" itself: compression would keep such a listener for its own stream, which has no reason to drain. */
  #await(method: 'on' | 'once', type: string | symbol, listener: Listener): ServerResponse {
    if (type === 'drain') this.#waiting.push({ method, listener });
    else this.#before[method].call(this.#response, type, listener);
    return this.#response;
  }

  /**
   * To everybody else the answer has left, so that nobody starts a second one. The head itself is not
   * written yet, for a failure may still have to take its place.
   */
  #pretendSent(): void {
    const tooLate = (): never => {
      throw Object.assign(new Error('Cannot set headers after they are sent to the client'), {
        code: 'ERR_HTTP_HEADERS_SENT',
      });
    };
    this.#own = PRETENDED.map((name) => [name, Object.getOwnPropertyDescriptor(this.#response, name)]);
    Object.defineProperties(this.#response, {
      headersSent: { configurable: true, get: () => true },
      writableEnded: { configurable: true, get: () => this.#ended },
      setHeader: { configurable: true, value: tooLate },
      appendHeader: { configurable: true, value: tooLate },
      removeHeader: { configurable: true, value: tooLate },
      on: {
        configurable: true,
        writable: true,
        value: (type: string, fn: Listener) => this.#await('on', type, fn),
      },
      once: {
        configurable: true,
        writable: true,
        value: (type: string, fn: Listener) => this.#await('once', type, fn),
      },
    });
  }

  #stopPretending(): void {
    const response = this.#response as unknown as Record<string, unknown>;
    for (const [name, own] of this.#own) {
      if (own) Object.defineProperty(response, name, own);
      else delete response[name];
    }
  }
}

const asText = (value: OutgoingHttpHeader): string | readonly string[] =>
  typeof value === 'number' ? String(value) : value;
