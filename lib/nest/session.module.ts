import type { KeyObject } from 'node:crypto';
import {
  Inject,
  Logger,
  Module,
  RequestMethod,
  type DynamicModule,
  type MiddlewareConsumer,
  type NestModule,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { APP_GUARD, HttpAdapterHost } from '@nestjs/core';
import type { Clock } from '../core/util/clock.js';
import { SessionEngine } from '../core/engine.js';
import { EventHub, traceOf } from '../core/events/events.js';
import type { SessionBackend, BackendContext, SessionBackendFactory } from '../core/storage/backend.js';
import { TOKEN_LENGTH } from '../core/token/ids.js';
import { Signer } from '../core/token/signer.js';
import { StoreBackend } from '../core/storage/store-backend.js';
import type { SessionStore } from '../core/storage/store.js';
import { MemoryStore } from '../stores/memory/index.js';
import { preallocateExpress } from './request/express-preallocation.js';
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
import { SessionService } from './session.service.js';
import { resolveSettings, type SessionSettings } from './options/session.settings.js';
import { SESSION_ENGINE, SESSION_OPTIONS, SESSION_SETTINGS } from './options/tokens.js';

const logger = new Logger('nest-sessions');

/** Import it once, in the root module: `SessionModule.forRoot({ secret: process.env.SESSION_SECRET })`. */
@Module({
  providers: [
    { provide: SESSION_SETTINGS, useFactory: resolveSettings, inject: [SESSION_OPTIONS] },
    { provide: SESSION_ENGINE, useFactory: createEngine, inject: [SESSION_OPTIONS, SESSION_SETTINGS] },
    RequestHook,
    SessionService,
    LoginGuard,
    ReloginGuard,
    SessionInterceptor,
    { provide: APP_GUARD, useClass: SessionGuard },
  ],
  exports: [SessionService, LoginGuard, ReloginGuard, SessionInterceptor, SESSION_SETTINGS, SESSION_ENGINE],
})
export class SessionModule extends ConfigurableModuleClass implements NestModule, OnApplicationShutdown {
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

  /** @internal */
  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Inject(SESSION_ENGINE) engine: SessionEngine,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(RequestHook) hook: RequestHook,
  ) {
    super();
    this.#settings = settings;
    this.#engine = engine;
    this.#host = host;
    this.#hook = hook;
  }

  /** Called by applications that have an HTTP adapter, when prefix and versions are known and no request has come yet. */
  configure(consumer: MiddlewareConsumer): void {
    preallocateExpress(this.#host);
    const entry = consumer.apply(SessionEntry).exclude(...this.#settings.exclude);
    if (this.#hook.install(this.#host.httpAdapter)) entry.forRoutes();
    else entry.forRoutes({ path: '{*path}', method: RequestMethod.ALL });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#engine.close();
  }
}

function createEngine(options: Pick<ConcealedOptions, 'store'>, settings: SessionSettings): SessionEngine {
  const events = new EventHub((error) => logger.error('A listener threw.', traceOf(error)));
  return new SessionEngine(
    settings.engine,
    createBackend(options.store ?? new MemoryStore(), settings),
    events,
  );
}

function createBackend(
  store: SessionStore | SessionBackendFactory,
  settings: SessionSettings,
): SessionBackend {
  const context = new ModuleContext(settings);
  return 'createBackend' in store ? store.createBackend(context) : new StoreBackend(store, context);
}

/** What stores keep of the module. They may show it to anybody, so its secrets are not among its own properties. */
class ModuleContext implements BackendContext {
  readonly #settings: SessionSettings;
  readonly noticeKeys: readonly KeyObject[];
  readonly signer: Signer;
  readonly cookieName: string;
  readonly countsSessions: boolean;
  readonly timeout: number;
  readonly clock: Clock;
  readonly clockInjected: boolean;

  constructor(settings: SessionSettings) {
    const { clock, cookie, maxSessions } = settings.engine;
    this.#settings = settings;
    this.signer = new Signer(settings.secrets.reveal(), cookie.name, TOKEN_LENGTH);
    this.noticeKeys = this.signer.derived('notice');
    this.cookieName = cookie.name;
    this.countsSessions = maxSessions !== undefined;
    this.timeout = settings.engine.storeTimeout;
    this.clock = clock;
    this.clockInjected = settings.clockInjected;
  }

  get secrets(): readonly string[] {
    return this.#settings.secrets.reveal();
  }

  readonly limitsOf: BackendContext['limitsOf'] = (record) => {
    const { limits, rememberLimits } = this.#settings.engine;
    return record.remember ? rememberLimits : limits;
  };

  readonly warn: BackendContext['warn'] = (message) => logger.warn(message);
}
