import type { ServerResponse } from 'node:http';
import { Inject, Injectable, Logger, type NestMiddleware } from '@nestjs/common';
import { isLoopbackAddress, isLoopbackHost } from '../../core/token/cookie.js';
import type { SessionEngine } from '../../core/engine.js';
import type { RequestState } from '../../core/request/request-state.js';
import { isSecure, RequestClient, type FrameworkRequest } from '../../http/request-facts.js';
import { hookResponse } from '../../http/response-hook.js';
import { FailureResponse } from './failure-response.js';
import { attach, attached, Channel, RequestSession, storage, type CookieWay } from './request-session.js';
import type { SessionSettings } from '../options/session.settings.js';
import { SESSION_ENGINE, SESSION_SETTINGS } from '../options/tokens.js';

/** Where a request gets its session: on Express and Fastify alike Nest hands a middleware the raw pair. */
@Injectable()
export class SessionMiddleware implements NestMiddleware<FrameworkRequest, ServerResponse>, CookieWay {
  readonly #engine: SessionEngine;
  readonly #context: boolean;
  readonly #failures: FailureResponse;
  readonly #logger = new Logger('nest-sessions');
  #warnedAt = -Infinity;

  constructor(
    @Inject(SESSION_ENGINE) engine: SessionEngine,
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
  ) {
    this.#engine = engine;
    this.#context = settings.context;
    this.#failures = new FailureResponse(settings.renderFailure);
  }

  use(request: FrameworkRequest, response: ServerResponse, next: () => void): void | Promise<void> {
    if (attached(request)) return next();
    const client = new RequestClient(request);
    const opened = this.#open(request.headers.cookie, client);
    if (!(opened instanceof Promise)) return this.#enter(opened, request, response, next);
    return opened.then(
      (state) => this.#enter(state, request, response, next),
      (error: Error) => this.#enter(this.#engine.refuse(client, error), request, response, next),
    );
  }

  /** A store that fails refuses the request, but only where its handler is known: a logout takes the cookie away. */
  #open(cookie: string | undefined, client: RequestClient): RequestState | Promise<RequestState> {
    try {
      return this.#engine.open(cookie, client);
    } catch (error) {
      return this.#engine.refuse(client, error as Error);
    }
  }

  #enter(state: RequestState, request: FrameworkRequest, response: ServerResponse, next: () => void): void {
    const session = new RequestSession(this.#engine, state, request, response, this, this.#failures);
    attach(request, session);
    hookResponse(response, session);
    if (this.#context) storage.run(session, next);
    else next();
  }

  channel(request: FrameworkRequest): Channel {
    if (isSecure(request)) return Channel.Tls;
    const loopback = isLoopbackAddress(request.socket.remoteAddress) && isLoopbackHost(request.headers.host);
    return loopback ? Channel.Loopback : Channel.Plain;
  }

  /** Once a minute at most: it concerns every response that should carry a cookie. */
  undeliverable(request: FrameworkRequest): void {
    const now = performance.now();
    if (now - this.#warnedAt < 60_000) return;
    this.#warnedAt = now;
    this.#logger.error(
      `The session cookie was not sent: it is Secure, and the request for ${request.headers.host ?? 'this host'} came over plain HTTP. ` +
        'Behind a proxy that ends TLS set `trust proxy` (Express: app.set("trust proxy", 1); Fastify: new FastifyAdapter({ trustProxy: true })) and let it send X-Forwarded-Proto. ' +
        'For an intranet without TLS set cookie: { secure: false }.',
    );
  }
}
