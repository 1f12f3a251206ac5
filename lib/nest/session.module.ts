import type { KeyObject } from 'node:crypto';
import {
  Inject,
  Logger,
  Module,
  RequestMethod,
  type DynamicModule,
  type MiddlewareConsumer,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { APP_GUARD, HttpAdapterHost } from '@nestjs/core';
import { systemClock, type Clock } from '../core/util/clock.js';
import { SessionEngine } from '../core/engine.js';
import { EventHub, traceOf, type SessionEvent } from '../core/events/events.js';
import type { SessionBackend, BackendContext, SessionBackendFactory } from '../core/storage/backend.js';
import { LONGEST_COOKIE } from '../core/migration/longest-cookie.js';
import { TOKEN_LENGTH } from '../core/token/ids.js';
import type { Secret } from '../core/token/secret.js';
import { SessionError } from '../core/util/errors.js';
import { Signer } from '../core/token/signer.js';
import { StoreBackend } from '../core/storage/store-backend.js';
import { lineOf, storeUnfit } from '../core/storage/health/store-problems.js';
import type { SessionStore } from '../core/storage/store.js';
import { MemoryStore } from '../stores/memory/index.js';
import { preallocateExpress } from './request/express-preallocation.js';
import { reportInitiators, reportRefusals } from './device/refusal-report.js';
import { LoginGuard } from './guards/login.guard.js';
import { ReloginGuard } from './guards/relogin.guard.js';
import { SessionGuard } from './guards/session.guard.js';
import { RequestHook } from './request/request-hook.js';
import { SessionEntry } from './request/session.entry.js';
import { SessionInterceptor } from './request/session.interceptor.js';
import {
  concealing,
  ConfigurableModuleClass,
  type ASYNC_OPTIONS_TYPE,
  type ConcealedOptions,
  type OPTIONS_TYPE,
} from './options/module-definition.js';
import { NO_OPTIONS, ONLY_ONCE } from './options/module-imports.js';
import { PassportMissing } from './options/passport-missing.js';
import { storeComplaint } from './options/shapes/options.shape.js';
import { EndWithSessionInterceptor } from './streams/end-with-session.interceptor.js';
import { SessionService } from './session.service.js';
import { resolveSettings, type SessionSettings } from './options/session.settings.js';
import { GatewayHook } from './sockets/gateway-hook.js';
import { GatewayGuard } from './sockets/gateway.guard.js';
import { MessageAdmission } from './sockets/message-admission.js';
import { SocketSessions } from './sockets/socket-sessions.js';
import { CookiePath } from './routes/cookie-path.js';
import { RouteChecks } from './routes/route-checks.js';
import {
  SESSION_CLOCK,
  SESSION_ENGINE,
  SESSION_OPTIONS,
  SESSION_SETTINGS,
  SESSION_STORE,
} from './options/tokens.js';

const logger = new Logger('nest-sessions');

/** Import it once, in the root module: `SessionModule.forRoot({ secret: process.env.SESSION_SECRET })`. */
@Module({
  providers: [
    // forRoot() puts its options in the place of this one.
    NO_OPTIONS,
    ONLY_ONCE,
    { provide: SESSION_CLOCK, useFactory: clockOf, inject: [SESSION_OPTIONS] },
    { provide: SESSION_SETTINGS, useFactory: settingsOf, inject: [SESSION_OPTIONS, SESSION_CLOCK] },
    // The settings come first: they refuse wrong options.
    { provide: SESSION_STORE, useFactory: storeOf, inject: [SESSION_OPTIONS, SESSION_SETTINGS] },
    { provide: SESSION_ENGINE, useFactory: createEngine, inject: [SESSION_STORE, SESSION_SETTINGS] },
    RequestHook,
    SocketSessions,
    MessageAdmission,
    GatewayGuard,
    GatewayHook,
    CookiePath,
    RouteChecks,
    PassportMissing,
    SessionService,
    LoginGuard,
    ReloginGuard,
    SessionInterceptor,
    EndWithSessionInterceptor,
    { provide: APP_GUARD, useClass: SessionGuard },
  ],
  exports: [
    SessionService,
    LoginGuard,
    ReloginGuard,
    SessionInterceptor,
    EndWithSessionInterceptor,
    SESSION_SETTINGS,
    SESSION_ENGINE,
  ],
})
export class SessionModule
  extends ConfigurableModuleClass
  implements NestModule, OnApplicationBootstrap, OnApplicationShutdown
{
  /** @throws SessionError `ERR_OPTIONS` at boot, which names each wrong option with its remedy */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    return concealing(super.forRoot(options ?? {}));
  }

  /** @throws SessionError `ERR_OPTIONS` at boot, which names each wrong option with its remedy */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return concealing(super.forRootAsync(options ?? {}));
  }

  readonly #settings: SessionSettings;
  readonly #engine: SessionEngine;
  readonly #host: HttpAdapterHost;
  readonly #hook: RequestHook;
  readonly #routes: RouteChecks;

  /** @internal */
  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Inject(SESSION_ENGINE) engine: SessionEngine,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(RequestHook) hook: RequestHook,
    @Inject(RouteChecks) routes: RouteChecks,
  ) {
    super();
    this.#settings = settings;
    this.#engine = engine;
    this.#host = host;
    this.#hook = hook;
    this.#routes = routes;
  }

  /** Called by applications that have an HTTP adapter, when prefix and versions are known and no request has come yet. */
  configure(consumer: MiddlewareConsumer): void {
    preallocateExpress(this.#host);
    this.#routes.watch(this.#host.httpAdapter, consumer);
    const entry = consumer.apply(SessionEntry).exclude(...this.#settings.exclude);
    if (this.#hook.install(this.#host.httpAdapter)) entry.forRoutes();
    else entry.forRoutes({ path: '{*path}', method: RequestMethod.ALL });
  }

  /** After the `onModuleInit` of the application, which may connect its client or create its table. */
  async onApplicationBootstrap(): Promise<void> {
    const problems = await this.#engine.diagnose();
    if (problems.length === 0) return;
    if (!this.#settings.strict) return problems.forEach((problem) => logger.warn(lineOf(problem)));
    // Nest calls no hook of an application that does not start.
    await this.#engine.close();
    throw storeUnfit(problems);
  }

  /**
   * Called by `app.close()` when its servers are closed, for which they wait for streams: until then those end with their
   * session. Stops the timers and subscriptions of the store. Its client stays open.
   */
  async onApplicationShutdown(): Promise<void> {
    this.#engine.attachments.stop();
    await this.#engine.close();
  }
}

type Store = SessionStore | SessionBackendFactory;

/** What is no object is for the check of the options to refuse. */
function clockOf(options: ConcealedOptions | undefined): Clock {
  return options?.clock ?? systemClock;
}

function settingsOf(options: ConcealedOptions, clock: Clock): Promise<SessionSettings> {
  return resolveSettings(clock === systemClock ? options : { ...options, clock });
}

function storeOf(options: ConcealedOptions): Store {
  return options.store ?? new MemoryStore();
}

/** @internal */
export function createEngine(store: Store, settings: SessionSettings): SessionEngine {
  const events = new EventHub((error) => logger.error('A listener threw.', traceOf(error)));
  if (settings.device) {
    reportRefusals(events);
    reportInitiators(settings.allowedOrigins, settings.device.scope.initiators);
  }
  return new SessionEngine(settings.engine, createBackend(store, settings, events), events);
}

/** @throws SessionError `ERR_OPTIONS` for something that a test has put in the place of the store */
function createBackend(store: Store, settings: SessionSettings, events: EventHub): SessionBackend {
  const complaint = storeComplaint(store, 'SESSION_STORE');
  if (complaint !== undefined) throw new SessionError('ERR_OPTIONS', complaint);
  const context = new ModuleContext(settings, events);
  return 'createBackend' in store ? store.createBackend(context) : new StoreBackend(store, context);
}

/** What stores keep of the module. They may show it to anybody, so its secrets are not among its own properties. */
class ModuleContext implements BackendContext {
  readonly #settings: SessionSettings;
  readonly #events: EventHub;
  readonly noticeKeys: readonly KeyObject[];
  readonly signer: Signer;
  readonly cookieName: string;
  readonly countsSessions: boolean;
  readonly loginsComeLate: number | undefined;
  readonly timeout: number;
  readonly clock: Clock;
  readonly clockInjected: boolean;

  constructor(settings: SessionSettings, events: EventHub) {
    const { clock, cookie, maxSessions, migrate } = settings.engine;
    this.#settings = settings;
    this.#events = events;
    this.signer = new Signer(settings.secrets.reveal(), cookie.name, TOKEN_LENGTH);
    this.noticeKeys = this.signer.derived('notice');
    this.cookieName = cookie.name;
    this.countsSessions = maxSessions !== undefined;
    this.loginsComeLate = migrate?.length ? LONGEST_COOKIE : undefined;
    this.timeout = settings.engine.storeTimeout;
    this.clock = clock;
    this.clockInjected = settings.clockInjected;
  }

  get secrets(): readonly Secret[] {
    return this.#settings.secrets.reveal();
  }

  readonly limitsOf: BackendContext['limitsOf'] = (record) => {
    const { limits, rememberLimits } = this.#settings.engine;
    return record.remember ? rememberLimits : limits;
  };

  readonly warn: BackendContext['warn'] = (message) => logger.warn(message);

  readonly error: BackendContext['warn'] = (message) => logger.error(message);

  readonly emit = (event: SessionEvent): void => this.#events.emit(event);
}
