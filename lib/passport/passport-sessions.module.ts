import { Inject, Module, type DynamicModule, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost, ModuleRef, ModulesContainer } from '@nestjs/core';
import { wrongOption } from '../core/util/options.js';
import type { SessionEngine } from '../core/engine.js';
import { PASSPORT_OPTIONS as OPTIONS } from '../nest/options/passport-missing.js';
import { RequestHook } from '../nest/request/request-hook.js';
import { SESSION_ENGINE } from '../nest/options/tokens.js';
import { prepareWrappers, type FastifyInstance } from './fastify-requests.js';
import { checkPassportOptions, type PassportSessionsOptions } from './passport.options.js';
import { NobodyFound } from './nobody-found.js';
import { continueUser } from './serialized-user.js';
import { RequestProperty } from './request-property.js';

/** As much of Express as is needed here. */
interface ExpressInstance {
  /** The prototype of the application's requests. */
  request: object;
}

/**
 * Gives every request `req.session`, over the session of `SessionModule`, as Passport and other middleware written for
 * express-session expect it. Import it in any module, beside `SessionModule.forRoot()` in the root module.
 */
@Module({ providers: [{ provide: OPTIONS, useValue: {} }] })
export class PassportSessions implements OnModuleInit {
  /** @throws SessionError `ERR_OPTIONS` for an unknown or wrong option */
  static forRoot(options: PassportSessionsOptions): DynamicModule {
    checkPassportOptions(options);
    return { module: PassportSessions, providers: [{ provide: OPTIONS, useValue: options }] };
  }

  readonly #options: PassportSessionsOptions;
  readonly #host: HttpAdapterHost;
  readonly #modules: ModuleRef;

  /** @internal */
  constructor(
    @Inject(OPTIONS) options: PassportSessionsOptions,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(ModuleRef) modules: ModuleRef,
  ) {
    this.#options = options;
    this.#host = host;
    this.#modules = modules;
  }

  /**
   * Called by Nest before the application takes requests.
   *
   * @throws SessionError `ERR_OPTIONS` if a plugin of Fastify has defined `request.session`, or with two sets of options
   */
  onModuleInit(): void {
    this.#assertOnlyOnce();
    const { httpAdapter } = this.#host;
    // An application of message handlers alone has none.
    if (!httpAdapter) return;
    const engine = this.#modules.get<SessionEngine>(SESSION_ENGINE, { strict: false });
    const hook = this.#modules.get(RequestHook, { strict: false });
    const property = new RequestProperty({ engine, options: this.#options, nobodyFound: new NobodyFound() });
    engine.completeMigrated(continueUser(this.#options));
    const { descriptor } = property;
    if (httpAdapter.getType() === 'fastify') {
      prepareWrappers(httpAdapter.getInstance<FastifyInstance>(), descriptor);
      hook.beforeRequest((request) => {
        property.expect(request);
        Object.defineProperty(request, 'session', descriptor);
      });
    } else {
      hook.beforeRequest((request) => property.expect(request));
      const { request } = httpAdapter.getInstance<ExpressInstance>();
      Object.defineProperty(request, 'session', descriptor);
    }
  }

  /** Nest keeps a module once, unless its options differ. */
  #assertOnlyOnce(): void {
    const modules = [...this.#modules.get(ModulesContainer, { strict: false }).values()];
    if (modules.filter(({ metatype }) => metatype === PassportSessions).length < 2) return;
    throw wrongOption(
      'PassportSessions',
      'it is imported more than once, with different options. Call forRoot() once, and import what it returned.',
    );
  }
}
