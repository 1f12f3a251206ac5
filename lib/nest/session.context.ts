import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { Logger, type ExecutionContext } from '@nestjs/common';
import type { SessionEngine } from '../core/engine.js';
import { Session } from '../core/session.js';
import { CookieFate, type Unit } from '../core/unit.js';
import { keepPrivate } from '../http/cache-headers.js';
import type { FrameworkRequest } from '../http/request-facts.js';
import { isCrossOrigin } from '../http/request-origin.js';
import type { ResponseListener } from '../http/response-seam.js';
import { asHttp, failureAnswer } from './session.exceptions.js';
import { policyOf, type HandlerPolicy } from './session.metadata.js';

const logger = new Logger('nest-sessions');

const REQUEST_SESSION = Symbol.for('nest-sessions/request-session');

/** The way a cookie may go: `Set-Cookie` with Secure over plain HTTP would only be dropped by the browser. */
export enum Channel {
  Tls = 'tls',
  /** Plain HTTP that never leaves the machine. */
  Loopback = 'loopback',
  Plain = 'plain',
}

/** What is known of the way back to a client. */
export interface CookieWay {
  channel(request: FrameworkRequest): Channel;
  /** A cookie could not be sent. */
  undeliverable(request: FrameworkRequest): void;
}

/** The session of one request, and what its response owes to it. */
export class RequestSession implements ResponseListener {
  readonly unit: Unit;
  readonly #engine: SessionEngine;
  readonly #request: FrameworkRequest;
  readonly #way: CookieWay;
  #session: Session | undefined;
  /** The handler vouches that its answer does not depend on the session. */
  cacheable = false;

  constructor(engine: SessionEngine, unit: Unit, request: FrameworkRequest, way: CookieWay) {
    this.#engine = engine;
    this.unit = unit;
    this.#request = request;
    this.#way = way;
  }

  /** The session as the application sees it. From now on the response is not for everybody. */
  get session(): Session {
    if (this.unit.refusal !== undefined) throw asHttp(this.unit.refusal);
    this.unit.accessed = true;
    return (this.#session ??= new Session(this.unit, this.#engine));
  }

  commit(success: boolean): void | Promise<void> {
    return this.#engine.commit(this.unit, success);
  }

  beforeHead(status: number): void | Promise<void> {
    const { unit } = this;
    if (unit.refusal !== undefined) return status >= 500 ? undefined : Promise.reject(unit.refusal);
    // An answer that already tells of the failure need not wait for it a second time.
    const refused = unit.failure !== undefined && status >= 400;
    const done = refused ? undefined : this.#engine.commit(unit, status < 400);
    unit.close();
    return done;
  }

  onHead(response: ServerResponse): void {
    const { unit } = this;
    const cookie = this.#engine.cookieOf(unit);
    if (cookie !== undefined) this.#carry(cookie, response);
    if (cookie !== undefined || (unit.accessed && !this.cacheable))
      keepPrivate(response, unit.held?.record.subject !== undefined);
  }

  /** No exception filter hears of it, so that what is nobody's refusal is logged here. */
  answerFailure(error: unknown): { status: number; body: string } {
    const answer = failureAnswer(error);
    if (answer.status === 500) logger.error('A response was replaced by a failure.', traceOf(error));
    return answer;
  }

  onLost(error: unknown): void {
    logger.error('A response could not be sent to its end.', traceOf(error));
  }

  /** Node 20 shows the asynchronous context on every timer and socket that is logged, and it leads to the request. */
  [inspect.custom](): string {
    return `RequestSession ${inspect({ id: this.unit.id })}`;
  }

  toJSON(): Record<string, unknown> {
    return { id: this.unit.id };
  }

  /**
   * A request whose session could not be asked for reaches no handler. Where that would have been a logout,
   * and of this site's own, the browser is at least made to forget the cookie.
   */
  refuse(policy: HandlerPolicy): void {
    const { refusal } = this.unit;
    if (refusal === undefined) return;
    const { headers } = this.#request;
    if (policy.logout && !isCrossOrigin(this.#request, headers.host, [])) this.unit.fate = CookieFate.Expire;
    throw asHttp(refusal);
  }

  #carry(cookie: string, response: ServerResponse): void {
    const channel = this.#way.channel(this.#request);
    if (channel === Channel.Plain && this.#engine.config.cookie.secure) {
      this.#way.undeliverable(this.#request);
      return;
    }
    response.appendHeader('Set-Cookie', cookie);
    if (this.unit.forget && channel === Channel.Tls)
      response.setHeader('Clear-Site-Data', '"cookies", "storage"');
  }
}

/** Never the error itself: a driver's tells what it was asked, which is a session. */
function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : typeof error;
}

/** Fastify wraps the raw request; Express hands it out. */
type AnyRequest = IncomingMessage & { raw?: IncomingMessage };
type Carrier = { [REQUEST_SESSION]?: RequestSession };

/** @param session `undefined` for room to attach one later */
export function attach(request: IncomingMessage, session: RequestSession | undefined): void {
  (request as Carrier)[REQUEST_SESSION] = session;
}

export function attached(request: IncomingMessage): RequestSession | undefined {
  return (request as Carrier)[REQUEST_SESSION];
}

// One storage for all copies of this module in the process.
const STORAGE = Symbol.for('nest-sessions/storage');
type Storage = AsyncLocalStorage<RequestSession>;
const shared = globalThis as { [STORAGE]?: Storage };

export const storage: Storage = (shared[STORAGE] ??= new AsyncLocalStorage<RequestSession>());

/**
 * The session of a handler's request; under GraphQL and the like by the asynchronous context.
 *
 * @throws SessionHttpException 503 where the session could not be asked for
 */
export function sessionOf(context: ExecutionContext): RequestSession | undefined {
  const current = lookUp(context);
  if (current?.unit.refusal !== undefined) current.refuse(policyOf(context));
  return current;
}

function lookUp(context: ExecutionContext): RequestSession | undefined {
  if (context.getType() !== 'http') return storage.getStore();
  // `switchToHttp()` would make three functions for it, at each of several calls a request.
  const request = context.getArgByIndex<AnyRequest>(0);
  return attached(request.raw ?? request);
}
