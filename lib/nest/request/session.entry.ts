import type { ServerResponse } from 'node:http';
import { Inject, Injectable, type NestMiddleware } from '@nestjs/common';
import type { SessionEngine } from '../../core/engine.js';
import type { RequestState } from '../../core/request/request-state.js';
import { CsrfCheck } from '../../http/csrf.js';
import { RequestClient, type FrameworkRequest } from '../../http/request-facts.js';
import { hookResponse } from '../../http/response/response-hook.js';
import type { SessionSettings } from '../options/session.settings.js';
import { SESSION_ENGINE, SESSION_SETTINGS } from '../options/tokens.js';
import { DeviceEndpoint } from '../device/device.endpoint.js';
import type { DeviceCall } from '../device/device.settings.js';
import { needsReload, sendReloadPage } from '../device/reload-page.js';
import { CookieArrival } from './cookie-arrival.js';
import { CookiePath } from '../routes/cookie-path.js';
import { FailureResponse } from './failure-content.js';
import { RequestHook } from './request-hook.js';
import { attach, attached, storage } from './current-session.js';
import { UserLoader } from './user-loader.js';
import { RequestSession, type RequestServices } from './request-session.js';

/**
 * Opens the session of each request and runs the rest of the request with it. The request comes from the adapter's
 * request hook, or from Nest's middleware if the adapter has no such hook.
 *
 * It is a Nest middleware in both cases, because Nest wraps `use` in its check of the option `exclude`, which knows the
 * application's prefix, versions and router. Nothing may be thrown here, because exception filters would not catch it.
 */
@Injectable()
export class SessionEntry implements NestMiddleware<FrameworkRequest, ServerResponse> {
  readonly #services: RequestServices;
  readonly #context: boolean;
  readonly #cookiePath: CookiePath;
  readonly #arrival: CookieArrival;
  readonly #migrates: boolean;
  readonly #device: DeviceEndpoint | undefined;

  constructor(
    @Inject(SESSION_ENGINE) engine: SessionEngine,
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Inject(RequestHook) hook: RequestHook,
    @Inject(CookiePath) cookiePath: CookiePath,
  ) {
    this.#context = settings.context;
    this.#cookiePath = cookiePath;
    this.#services = {
      engine,
      users: new UserLoader(settings.user, engine),
      failures: new FailureResponse(settings.renderFailure),
      csrf: new CsrfCheck(settings),
      clearSiteData: settings.clearSiteData,
      device: settings.device,
    };
    const { device } = settings;
    this.#device = device?.proofs && new DeviceEndpoint(device, device.proofs, engine);
    this.#migrates = (settings.engine.migrate ?? []).length > 0;
    this.#arrival = new CookieArrival(settings.engine.cookie, this.#services.csrf);
    hook.onRequest((request, response, next) => {
      const [raw, answer] = [request.raw ?? request, response.raw ?? response];
      // Nest's check of the option `exclude` is around `use`, and these requests are not the application's to exclude.
      const call = this.#device?.callOf(raw, request);
      if (call) this.#answerDevice(call, raw, answer, next, request);
      else this.use(raw, answer, next, request);
    });
  }

  /** @param seen the framework's request: with Fastify a wrapper around the raw one. Default: `request` */
  use(
    request: FrameworkRequest,
    response: ServerResponse,
    next: (error?: unknown) => void,
    seen: FrameworkRequest = request,
  ): void {
    if (attached(request)) return next();
    const call = this.#device?.callOf(request, seen);
    if (call) return this.#answerDevice(call, request, response, next, seen);
    if (!this.#cookiePath.covers(request, seen)) return next();
    const client = new RequestClient(request, seen);
    const opened = this.#open(client, this.#migrates);
    if (opened instanceof Promise)
      opened.then((state) => this.#enter(state, client, response, next)).catch(next);
    else this.#enter(opened, client, response, next);
  }

  /** A failure of the store rejects the request only once its handler is known, since a logout still expires the cookie. */
  #open(client: RequestClient, migrates: boolean, proves = true): RequestState | Promise<RequestState> {
    const { engine } = this.#services;
    const refuse = (error: unknown): RequestState => engine.refuse(client, error as Error);
    try {
      const opened = engine.open(client.request.headers.cookie, client, proves);
      const state = migrates ? this.#takeOver(opened, client) : opened;
      return state instanceof Promise ? state.catch(refuse) : state;
    } catch (error) {
      return refuse(error);
    }
  }

  /** The session that it asks for opens without the bound cookie, which it comes to get. */
  #answerDevice(
    call: DeviceCall,
    request: FrameworkRequest,
    response: ServerResponse,
    next: (error?: unknown) => void,
    seen: FrameworkRequest,
  ): void {
    const client = new RequestClient(request, seen);
    const answer = async (): Promise<void> => {
      const state = await this.#open(client, false, false);
      const session = new RequestSession(this.#services, state, seen, response);
      attach(request, session);
      hookResponse(response, session);
      await this.#device!.answer(call, state, seen, response);
    };
    answer().catch(next);
  }

  /** A session of another library comes over only if the response can carry the cookie of ours. */
  async #takeOver(
    opened: RequestState | Promise<RequestState>,
    client: RequestClient,
  ): Promise<RequestState> {
    return this.#services.engine.takeOver(await opened, client, () => this.#arrival.ofCookie(client.seen));
  }

  #enter(state: RequestState, client: RequestClient, response: ServerResponse, next: () => void): void {
    const session = new RequestSession(this.#services, state, client.seen, response);
    attach(client.request, session);
    hookResponse(response, session);
    if (this.#device && needsReload(state, client.request)) return sendReloadPage(state, response);
    if (this.#context) storage.run(session, next);
    else next();
  }
}
