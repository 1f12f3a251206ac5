import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { Logger, type ExecutionContext } from '@nestjs/common';
import type { SessionEngine } from '../../core/engine.js';
import { Session } from '../../core/session.js';
import type { RequestState } from '../../core/request/request-state.js';
import { addVary, keepPrivate } from '../../http/cache-headers.js';
import type { FrameworkRequest } from '../../http/request-facts.js';
import { isCrossOrigin } from '../../http/csrf.js';
import type { FailureAnswer, ResponseListener } from '../../http/response-hook.js';
import { transportOf } from '../../http/transport.js';
import { isHttp, requestOf } from '../transports/request-of.js';
import type { FailureResponse } from './failure-response.js';
import { asHttp } from './session.exceptions.js';
import { policyOf, type HandlerPolicy } from './session.metadata.js';
import { warnOfUndeliverable } from './undeliverable-cookie.js';

const logger = new Logger('nest-sessions');

const REQUEST_SESSION = Symbol.for('nest-sessions/request-session');

/** The session of one request, and what its response owes to it. */
export class RequestSession implements ResponseListener {
  readonly state: RequestState;
  readonly #engine: SessionEngine;
  readonly #request: FrameworkRequest;
  readonly #response: ServerResponse;
  readonly #failures: FailureResponse;
  #session: Session | undefined;
  /** Handlers whose requests are activity and that no guard of ours refused. */
  #activeHandlers = 0;
  /** The handlers vouch that their answer does not depend on the session; unknown before there is one. */
  #cacheable: boolean | undefined;

  constructor(
    engine: SessionEngine,
    state: RequestState,
    request: FrameworkRequest,
    response: ServerResponse,
    failures: FailureResponse,
  ) {
    this.#engine = engine;
    this.state = state;
    this.#request = request;
    this.#response = response;
    this.#failures = failures;
  }

  /** The session as the application sees it. From now on the response is not for everybody. */
  get session(): Session {
    if (this.state.refusal !== undefined) throw asHttp(this.state.refusal);
    this.state.access();
    return (this.#session ??= new Session(this.state, this.#engine));
  }

  /** The request as the framework sees it: with Fastify a wrapper around the raw one. */
  get request(): FrameworkRequest {
    return this.#request;
  }

  /** The answer depends on these headers, as far as it can still be told. */
  vary(headers: string): void {
    if (!this.#response.headersSent) addVary(this.#response, headers);
  }

  /** The response has a head already, sent or held. */
  get begun(): boolean {
    return this.#response.headersSent;
  }

  /** Nothing is done for this request any more: its response is out, or nobody waits for it. */
  get over(): boolean {
    const { writableFinished, destroyed, stream } = this.#response as ServerResponse & Http2Part;
    return writableFinished || destroyed || stream?.destroyed === true;
  }

  /**
   * What the decorators of a handler say. Under GraphQL a request has several: it is active if one is, and cacheable if
   * all are.
   */
  declare(policy: HandlerPolicy): void {
    if (isActivity(policy)) {
      this.#activeHandlers++;
      this.state.countActivity(true);
    }
    this.#cacheable = policy.cacheable && this.#cacheable !== false;
  }

  /** A guard of ours refuses the handler, by whatever status an exception filter makes of it. */
  deny(policy: HandlerPolicy): void {
    if (isActivity(policy) && this.#activeHandlers > 0) this.#activeHandlers--;
    // Another handler of the request may be a logout that takes place.
    if (this.#activeHandlers === 0 && !this.state.intent) this.state.withdraw();
    this.#cacheable = false;
  }

  commit(success: boolean): void | Promise<void> {
    this.state.cookieComesTooLate(this.over || this.#response.headersSent);
    return this.#engine.commit(this.state, success);
  }

  beforeHead(status: number): void | Promise<void> {
    const { state } = this;
    // A handler vouches for what it answers itself: a refusal or a failure before it may depend on the session.
    if (status >= 400) this.#cacheable = false;
    if (state.refusal !== undefined) return status >= 500 ? undefined : Promise.reject(state.refusal);
    // An answer that already tells of the failure need not wait for it a second time.
    const refused = state.failure !== undefined && status >= 400;
    const done = refused ? undefined : this.commit(status < 400);
    state.close();
    return done;
  }

  onHead(response: ServerResponse): void {
    const { state } = this;
    const cookie = this.#engine.cookieOf(state);
    if (cookie !== undefined) this.#carry(cookie, response);
    if (cookie !== undefined || (state.accessed && !this.#cacheable))
      keepPrivate(response, state.handle?.record.subject !== undefined);
  }

  /** No exception filter hears of it, so that what is nobody's refusal is logged here. */
  answerFailure(error: unknown): FailureAnswer {
    this.vary('Accept');
    const answer = this.#failures.of(error, this.#request);
    if (answer.status === 500) logger.error('A response was replaced by a failure.', traceOf(error));
    return answer;
  }

  onLost(error: unknown): void {
    logger.error('A response could not be sent to its end.', traceOf(error));
  }

  /** Node 20 shows the asynchronous context on every timer and socket that is logged, and it leads to the request. */
  [inspect.custom](): string {
    return `RequestSession ${inspect({ id: this.state.id })}`;
  }

  toJSON(): Record<string, unknown> {
    return { id: this.state.id };
  }

  /**
   * A request whose session could not be asked for reaches no handler. Where that would have been a logout,
   * and of this site's own, the browser is at least made to forget the cookie.
   */
  refuse(policy: HandlerPolicy): void {
    const { refusal } = this.state;
    if (refusal === undefined) return;
    const { headers } = this.#request;
    if (policy.logout && !isCrossOrigin(headers, headers.host, [])) this.state.expireCookie();
    throw asHttp(refusal);
  }

  #carry(cookie: string, response: ServerResponse): void {
    const transport = transportOf(this.#request);
    if (transport === 'plain' && this.#engine.config.cookie.secure) {
      warnOfUndeliverable(this.#engine, this.#request);
      return;
    }
    response.appendHeader('Set-Cookie', cookie);
    if (this.state.forget && transport === 'tls')
      response.setHeader('Clear-Site-Data', '"cookies", "storage"');
  }
}

const isActivity = ({ passive, logout }: HandlerPolicy): boolean => !passive && !logout;

/** A response of HTTP/2 has no `destroyed` of its own. */
type Http2Part = { stream?: { destroyed: boolean } };

/** Never the error itself: a driver's tells what it was asked, which is a session. */
function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : typeof error;
}

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
 * The session of the request that this code runs for, as far as the asynchronous context tells. A callback of a socket
 * runs in the context of the request that opened it: once that one is over it is certainly another's.
 */
export function currentSession(): RequestSession | undefined {
  const found = storage.getStore();
  return found?.over ? undefined : found;
}

/**
 * The session of a handler's request; under GraphQL and the like by the asynchronous context.
 *
 * @throws SessionHttpException 503 where the session could not be asked for
 */
export function sessionOf(context: ExecutionContext): RequestSession | undefined {
  const current = lookUp(context);
  if (current?.state.refusal !== undefined) current.refuse(policyOf(context));
  return current;
}

function lookUp(context: ExecutionContext): RequestSession | undefined {
  const request = requestOf(context);
  const found = request && attached(request.raw ?? request);
  if (found || isHttp(context)) return found;
  // A connection that was upgraded went past the middleware: whatever the asynchronous context says is of another request.
  return request?.headers?.upgrade === undefined ? currentSession() : undefined;
}
