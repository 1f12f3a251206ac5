import { randomBytes } from 'node:crypto';
import type { DynamicModule } from '@nestjs/common';
import type { SessionModuleExtras, SessionModuleOptions } from '../nest/options/session.options.js';
import { SessionModule } from '../nest/session.module.js';
import { MemoryStore } from '../stores/memory/index.js';
import { FakeClock } from './fake-clock.js';

/** The options of `SessionModule`, none of which is required in a test. */
export type SessionTestingOptions = Partial<SessionModuleOptions>;

type CompleteOptions = SessionModuleOptions & Required<Pick<SessionModuleOptions, 'store' | 'clock'>>;

/** `SessionModule` for tests: with a random secret, a `MemoryStore` and a `FakeClock`, unless the options name others. */
export class SessionTestingModule {
  /**
   * Imported in place of `SessionModule.forRoot()`: the same providers, and the clock as `app.get(FakeClock)`. It also
   * takes the place of a dynamic module that the application keeps in a constant: `overrideModule(CONSTANT).useModule(…)`.
   *
   * @throws SessionError `ERR_OPTIONS` when the module is compiled, as `SessionModule`
   */
  static forRoot(options: SessionTestingOptions & SessionModuleExtras = {}): DynamicModule {
    const all = SessionTestingModule.options(options);
    const { providers = [], exports = [], ...module } = SessionModule.forRoot({ ...options, ...all });
    if (!(all.clock instanceof FakeClock)) return { ...module, providers, exports };
    return {
      ...module,
      providers: [...providers, { provide: FakeClock, useValue: all.clock }],
      exports: [...exports, FakeClock],
    };
  }

  /**
   * Options that take the place of the application's own, whose factory is not run:
   * `overrideProvider(SESSION_OPTIONS).useValue(SessionTestingModule.options({ clock }))`.
   */
  static options(options: SessionTestingOptions = {}): CompleteOptions {
    return {
      ...options,
      secret: options.secret ?? randomBytes(32).toString('base64url'),
      store: options.store ?? new MemoryStore(),
      clock: options.clock ?? new FakeClock(),
    };
  }
}
