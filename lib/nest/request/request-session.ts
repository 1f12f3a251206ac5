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

/** Holds the session of one request and adds its cookie and headers to the response. */
export class RequestSession implements ResponseListener {
  readonly state: RequestState;
  readonly #engine: SessionEngine;
  readonly #request: FrameworkRequest;
  readonly #response: ServerResponse;
  readonly #failures: FailureResponse;
  #session: Session | undefined;
  /** Number of handlers whose requests count as activity and that no guard of this library has rejected. */
  #activeHandlers = 0;
  /** Whether all handlers so far declare that their response does not depend on the session. Unset before the first one. */
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

  /**
   * The session as the application sees it. Access to it makes the response private to the client.
   *
   * @throws SessionHttpException 503 if the session could not be loaded
   */
  get session(): Session {
    if (this.state.refusal !== undefined) throw asHttp(this.state.refusal);
    this.state.access();
    return (this.#session ??= new Session(this.state, this.#engine));
  }

  /** The framework's request: with Fastify a wrapper around the raw one. */
  get request(): FrameworkRequest {
    return this.#request;
  }

  /** Adds request headers to `Vary`, unless the head of the response was sent. */
  vary(headers: string): void {
    if (!this.#response.headersSent) addVary(this.#response, headers);
  }

  /** Whether the response has a head, sent or held. */
  get begun(): boolean {
    return this.#response.headersSent;
  }

  /** Whether the request is finished: its response has been sent or its connection is gone. */
  get over(): boolean {
    const { writableFinished, destroyed, stream } = this.#response as ServerResponse & Http2Part;
    return writableFinished || destroyed || stream?.destroyed === true;
  }

  /**
   * Applies the policy of a handler. Under GraphQL a request has several handlers: it counts as activity if one does, and
   * is cacheable if all are.
   */
  declare(policy: HandlerPolicy): void {
    if (isActivity(policy)) {
      this.#activeHandlers++;
      this.state.countActivity(true);
    }
    this.#cacheable = policy.cacheable && this.#cacheable !== false;
  }

  /** A guard of this library rejects the handler, whatever status an exception filter sends for that. */
  deny(policy: HandlerPolicy): void {
    if (isActivity(policy) && this.#activeHandlers > 0) this.#activeHandlers--;
    // Another handler of the request may be a logout that is still to be done.
    if (this.#activeHandlers === 0 && !this.state.intent) this.state.withdraw();
    this.#cacheable = false;
  }

  commit(success: boolean): void | Promise<void> {
    this.state.cookieComesTooLate(this.over || this.#response.headersSent);
    return this.#engine.commit(this.state, success);
  }

  beforeHead(status: number): void | Promise<void> {
    const { state } = this;
    // `@Cacheable()` covers only the handler's own response: a rejection or a failure may depend on the session.
    if (status >= 400) this.#cacheable = false;
    if (state.refusal !== undefined) return status >= 500 ? undefined : Promise.reject(state.refusal);
    // A response that reports the failed commit does not try to commit again.
    const refused = state.failure !== undefined && status >= 500;
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

  /** Exception filters do not receive this error, so unexpected ones (500) are logged here. */
  answerFailure(error: unknown): FailureAnswer {
    this.vary('Accept');
    const answer = this.#failures.of(error, this.#request);
    if (answer.status === 500)
      logger.error('An error replaced the response of the application.', traceOf(error));
    return answer;
  }

  onLost(error: unknown): void {
    logger.error('A response could not be sent completely.', traceOf(error));
  }

  /** Node 20 prints the asynchronous context of every logged timer and socket, and with it the whole request. */
  [inspect.custom](): string {
    return `RequestSession ${inspect({ id: this.state.id })}`;
  }

  toJSON(): Record<string, unknown> {
    return { id: this.state.id };
  }

  /**
   * Rejects a request whose session could not be loaded. If the handler is a logout and the request is not
   * cross-site, the response still expires the cookie.
   *
   * @throws SessionHttpException the reason, mostly 503
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

/** An HTTP/2 response has no `destroyed` property; its stream has. */
type Http2Part = { stream?: { destroyed: boolean } };

/** Logs the stack only, never the error object: errors of drivers may contain the query, and with it a session. */
function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : typeof error;
}

type Carrier = { [REQUEST_SESSION]?: RequestSession };

/** @param session `undefined` to add only the property, for a session that is attached later */
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
 * The session of the current request, from the asynchronous context. A callback of a socket keeps the context of the
 * request that opened the socket, so a session whose request is finished is not returned.
 */
export function currentSession(): RequestSession | undefined {
  const found = storage.getStore();
  return found?.over ? undefined : found;
}

/**
 * The session of a handler's request. Without a request in the handler's arguments, as under GraphQL, the asynchronous
 * context provides it.
 *
 * @throws SessionHttpException 503 if the session could not be loaded
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
  // An upgraded connection does not pass through the entry, so the asynchronous context belongs to another request.
  return request?.headers?.upgrade === undefined ? currentSession() : undefined;
}
