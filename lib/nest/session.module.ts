import {
  Inject,
  Logger,
  Module,
  RequestMethod,
  type MiddlewareConsumer,
  type NestModule,
  type OnApplicationShutdown,
  Global,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, HttpAdapterHost } from '@nestjs/core';
import { SessionEngine } from '../core/engine.js';
import { EventHub } from '../core/events.js';
import type { Keeper, KeeperContext, KeeperFactory } from '../core/keeper.js';
import { TOKEN_LENGTH } from '../core/ids.js';
import { Signer } from '../core/signer.js';
import { StoreKeeper } from '../core/store-keeper.js';
import type { SessionStore } from '../core/store.js';
import { MemoryStore } from '../stores/memory.js';
import { CrossOriginGuard } from './cross-origin.guard.js';
import { prepareRequests } from './express-room.js';
import { LoginGuard } from './login.guard.js';
import { ReloginGuard } from './relogin.guard.js';
import { SessionInterceptor } from './session.interceptor.js';
import { SessionMiddleware } from './session.middleware.js';
import { ConfigurableModuleClass } from './session.module-definition.js';
import type { SessionModuleOptions } from './session.options.js';
import { SessionService } from './session.service.js';
import { resolveSettings, type SessionSettings } from './session.settings.js';
import { SESSION_ENGINE, SESSION_OPTIONS, SESSION_SETTINGS } from './tokens.js';

const logger = new Logger('nest-sessions');

/** Import it once, in the root module: `SessionModule.forRoot({ secret: process.env.SESSION_SECRET })`. */
@Global()
@Module({
  providers: [
    { provide: SESSION_SETTINGS, useFactory: resolveSettings, inject: [SESSION_OPTIONS] },
    { provide: SESSION_ENGINE, useFactory: createEngine, inject: [SESSION_OPTIONS, SESSION_SETTINGS] },
    SessionService,
    LoginGuard,
    ReloginGuard,
    { provide: APP_GUARD, useClass: CrossOriginGuard },
    { provide: APP_INTERCEPTOR, useClass: SessionInterceptor },
  ],
  exports: [SessionService, LoginGuard, ReloginGuard, SESSION_SETTINGS, SESSION_ENGINE],
})
export class SessionModule extends ConfigurableModuleClass implements NestModule, OnApplicationShutdown {
  readonly #settings: SessionSettings;
  readonly #engine: SessionEngine;
  readonly #host: HttpAdapterHost;

  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Inject(SESSION_ENGINE) engine: SessionEngine,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
  ) {
    super();
    this.#settings = settings;
    this.#engine = engine;
    this.#host = host;
  }

  configure(consumer: MiddlewareConsumer): void {
    prepareRequests(this.#host);
    consumer
      .apply(SessionMiddleware)
      .exclude(...this.#settings.exclude)
      .forRoutes({ path: '{*path}', method: RequestMethod.ALL });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#engine.close();
  }
}

function createEngine(options: SessionModuleOptions, settings: SessionSettings): SessionEngine {
  const events = new EventHub((error) =>
    logger.error('A listener threw.', error instanceof Error ? error.stack : String(error)),
  );
  return new SessionEngine(
    settings.engine,
    createKeeper(options.store ?? new MemoryStore(), settings),
    events,
  );
}

function createKeeper(store: SessionStore | KeeperFactory, settings: SessionSettings): Keeper {
  const { clock, cookie, limits, rememberLimits } = settings.engine;
  const signer = new Signer(settings.secrets, cookie.name, TOKEN_LENGTH);
  const context: KeeperContext = {
    secrets: settings.secrets,
    noticeKeys: signer.derived('notice'),
    signer,
    cookieName: cookie.name,
    limitsOf: (record) => (record.persistent ? rememberLimits : limits),
    countsSessions: settings.engine.maxSessions !== undefined,
    longestLife: Math.max(limits.lifetime, rememberLimits.lifetime),
    timeout: settings.engine.storeTimeout,
    clock,
    clockInjected: settings.clockInjected,
    warn: (message) => logger.warn(message),
  };
  return 'createKeeper' in store ? store.createKeeper(context) : new StoreKeeper(store, context);
}
