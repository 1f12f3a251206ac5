import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import type { SessionEngine } from '../../core/engine.js';
import { Session } from '../../core/session.js';
import type { CallWatcher } from '../../core/request/calls.js';
import type { RequestState } from '../../core/request/request-state.js';
import { CookieAction } from '../../core/request/state.js';
import { cookieChanges } from '../../core/token/cookie.js';
import { addVary, keepPrivate } from '../../http/headers/cache-headers.js';
import { LOGIN_CHALLENGE } from '../../http/headers/challenges.js';
import type { FrameworkRequest } from '../../http/request-facts.js';
import { destinationOf, type CsrfCheck } from '../../http/csrf.js';
import type { FailureAnswer, ResponseListener } from '../../http/response/response-hook.js';
import { addCookie, type HeadHeaders } from '../../http/headers/shared-headers.js';
import { addClearSiteData } from '../../http/headers/clear-site-data.js';
import { transportOf } from '../../http/transport.js';
import { entryOf } from '../sockets/socket-entry.js';
import { registrationHeader } from '../device/device-headers.js';
import type { DeviceSettings } from '../device/device.settings.js';
import type { HandlerSession } from './handler-session.js';
import type { FailureResponse } from './failure-content.js';
import type { UserLoader } from './user-loader.js';
import type { HandlerPolicy } from './session.metadata.js';
import { warnOfUndeliverable } from './undeliverable-cookie.js';

const logger = new Logger('nest-sessions');

/** What all requests share. */
export interface RequestServices {
  engine: SessionEngine;
  users: UserLoader;
  failures: FailureResponse;
  csrf: CsrfCheck;
  clearSiteData: readonly string[];
  device: DeviceSettings | undefined;
}

/** Holds the session of one request and adds its cookie and headers to the response. */
export class RequestSession implements HandlerSession, ResponseListener, CallWatcher {
  readonly state: RequestState;
  readonly #services: RequestServices;
  readonly #request: FrameworkRequest;
  readonly #response: ServerResponse;
  #session: Session | undefined;
  /** Number of handlers whose requests count as activity and that no guard of this library has rejected. */
  #activeHandlers = 0;
  /** Whether the response is a 401. */
  #unauthorized = false;
  /** The challenge of the first guard that rejected a handler. */
  #challenge: string | undefined;
  /** Whether all handlers so far declare that their response does not depend on the session. Unset before the first one. */
  #cacheable: boolean | undefined;
  /** Whether the status of the response tells nothing of a single handler. */
  #shared = false;
  /** Called when the response begins. */
  #beginListeners: ((status: number) => void)[] | undefined;

  constructor(
    services: RequestServices,
    state: RequestState,
    request: FrameworkRequest,
    response: ServerResponse,
  ) {
    this.#services = services;
    this.state = state;
    this.#request = request;
    this.#response = response;
    state.calls.watcher = this;
  }

  /**
   * The session as the application sees it. Access to it makes the response private to the client.
   *
   * @throws SessionHttpException 503 if the session could not be loaded
   */
  get session(): Session {
    if (this.state.refusal !== undefined) throw this.thrown(this.state.refusal);
    this.state.access();
    return (this.#session ??= new Session(this.state, this.#services.engine));
  }

  /** The user of the session by the option `user`. @throws SessionHttpException 401 without one */
  get user(): Promise<unknown> {
    this.state.access();
    return this.#services.users.of(this.state);
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

  /** Whether the request is finished: its response has been sent, its connection is gone, or it has become a socket with a session of its own. */
  get over(): boolean {
    const { raw = this.#request } = this.#request as Wrapped;
    if (entryOf(raw)) return true;
    const { writableFinished, destroyed, stream } = this.#response as ServerResponse & Http2Part;
    // Over HTTP/2 Node takes the body of the response to a HEAD for finished from the beginning.
    const sent = writableFinished && !(stream && raw.method === 'HEAD');
    return sent || destroyed || stream?.destroyed === true;
  }

  /** A driver may send 401 for all because of one field or operation, and what the others did counts none the less. */
  share(): void {
    this.#shared = true;
  }

  /**
   * Applies the policy of a handler. Under GraphQL a request has several handlers: it counts as activity if one does, and
   * is cacheable if all are.
   */
  declare(active: boolean, cacheable: boolean): void {
    if (active) {
      this.#activeHandlers++;
      this.state.countActivity(true);
    }
    this.#cacheable = cacheable && this.#cacheable !== false;
  }

  /**
   * A handler is rejected or has failed, whatever status an exception filter sends for that.
   *
   * @param active as it was declared
   * @param challenge what a 401 of the request gets that has none, where the handler cannot set headers itself
   */
  deny(active: boolean, challenge?: string): void {
    this.#challenge ??= challenge;
    if (active && this.#activeHandlers > 0) this.#activeHandlers--;
    // Another handler of the request may be a logout that is still to be done.
    if (this.#activeHandlers === 0 && !this.state.intent) this.state.withdraw();
    this.#cacheable = false;
  }

  commit(success: boolean): void | Promise<void> {
    return this.state.calls.unsettled ? this.#commitAfterCalls(success) : this.#commit(success);
  }

  /** A call that the handler did not await is part of the response: it must not report success if the call failed. */
  async #commitAfterCalls(success: boolean): Promise<void> {
    const { calls } = this.state;
    await calls.settled();
    await this.#commit(success && calls.unhandled() === undefined);
    await calls.settled();
    const failed = calls.unhandled();
    if (success && failed) throw failed.error;
  }

  /** Where the connection closes without a response, nothing else would report the failure. */
  callFailed(): void {
    const { calls } = this.state;
    const report = (): void => {
      calls.conclude();
      calls.unhandled();
    };
    if (this.over) report();
    else this.#response.once('close', report);
  }

  #commit(success: boolean): void | Promise<void> {
    this.state.response.cookieComesTooLate(this.over || this.#response.headersSent);
    return this.#services.engine.commit(this.state, success);
  }

  /** Not called if the response begins with a failure of the session itself. */
  onBegin(listener: (status: number) => void): void {
    (this.#beginListeners ??= []).push(listener);
  }

  beforeHead(status: number): void | Promise<void> {
    const done = this.#prepareHead(status);
    if (!this.#beginListeners) return done;
    return done ? done.then(() => this.#begin(status)) : this.#begin(status);
  }

  #begin(status: number): void {
    for (const listener of this.#beginListeners!) listener(status);
  }

  #prepareHead(status: number): void | Promise<void> {
    const { state } = this;
    this.#unauthorized = status === 401;
    // `@Cacheable()` covers only the handler's own response: a rejection or a failure may depend on the session.
    if (status >= 400) this.#cacheable = false;
    if (state.refusal !== undefined) return status >= 500 ? undefined : Promise.reject(state.refusal);
    // A response that reports the failed commit does not try to commit again.
    if (state.failure !== undefined && status >= 500) return state.close();
    // What was left to the end of the handler still changes the session.
    if (state.calls.deferring) return state.calls.settled().then(() => this.#conclude(status));
    return this.#conclude(status);
  }

  #conclude(status: number): void | Promise<void> {
    const done = this.commit(this.#shared || status < 400);
    this.state.close();
    return done;
  }

  onHead(head: HeadHeaders): void {
    const { state } = this;
    state.calls.conclude();
    const cookie = this.#services.engine.cookieOf(state);
    if (cookie !== undefined) this.#carry(cookie, head);
    if (this.#services.device) this.#addressDevice(this.#services.device, head);
    const removals = state.takenOver?.removals ?? [];
    if (!this.over) for (const removal of removals) addCookie(head, removal);
    if (cookie !== undefined || removals.length > 0 || (state.accessed && !this.#cacheable))
      keepPrivate(head, state.handle?.record.subject !== undefined);
    if (this.#unauthorized && (state.asksForLogin || this.#challenge !== undefined)) this.#addChallenge(head);
  }

  /** Exception filters do not receive this error, so unexpected ones (500) are logged here. */
  answerFailure(error: unknown): FailureAnswer {
    this.vary('Accept');
    const answer = this.#services.failures.of(error, this.#request);
    this.#unauthorized = false;
    if (answer.status === 401 && !this.#response.headersSent) this.#addChallenge(this.#response);
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
    const request = this.#request;
    if (policy.logout && !this.#services.csrf.rejects(request.headers, destinationOf(request)))
      this.state.expireCookie();
    throw this.thrown(refusal);
  }

  /** An error as the application gets it. If it asks for a login, a 401 of the application gets a challenge. */
  thrown(error: unknown): unknown {
    return this.#services.engine.thrown(this.state, error);
  }

  #carry(cookie: string, head: HeadHeaders): void {
    // The transport of a closed connection is unknown.
    if (this.over) return;
    const transport = transportOf(this.#request);
    if (transport === 'plain' && this.#services.engine.config.cookie.secure) {
      warnOfUndeliverable(this.#services.engine, this.#request);
      return;
    }
    const removed = this.state.cookie !== CookieAction.Set;
    // Only browsers keep pages, and each sends this.
    if (removed && this.#request.headers['sec-fetch-site'] !== undefined)
      for (const change of cookieChanges(this.#services.engine.config.cookie)) addCookie(head, change);
    // The last one, for intermediaries that keep one Set-Cookie of several.
    addCookie(head, cookie);
    if (this.state.cookie === CookieAction.Forget && transport === 'tls')
      addClearSiteData(head, this.#services.clearSiteData);
  }

  /** Invites the browser to bind a session that began, and takes the bound cookie of one that ended: at the next refresh the browser learns of it. */
  #addressDevice(device: DeviceSettings, head: HeadHeaders): void {
    const { authenticates, cookie } = this.state;
    const ends = cookie === CookieAction.Expire || cookie === CookieAction.Forget;
    // Most responses are of neither kind, and the transport takes longer to find out.
    if (!(authenticates || ends) || this.over || transportOf(this.#request) === 'plain') return;
    const registration = registrationHeader(device, this.state);
    if (registration !== undefined) head.setHeader('Secure-Session-Registration', registration);
    if (ends && device.policy.hasCookie(this.#request.headers.cookie))
      addCookie(head, device.policy.expireCookie());
  }

  /** Adds our challenge, unless the response has one of the application's own. */
  #addChallenge(head: HeadHeaders): void {
    if (head.getHeader('WWW-Authenticate') === undefined)
      head.setHeader('WWW-Authenticate', this.#challenge ?? LOGIN_CHALLENGE);
  }
}

/** Fastify wraps the request of Node. */
type Wrapped = { raw?: { method?: string } };

/** An HTTP/2 response has no `destroyed` property; its stream has. */
type Http2Part = { stream?: { destroyed: boolean } };

/** Logs the stack only, never the error object: errors of drivers may contain the query, and with it a session. */
function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : typeof error;
}
