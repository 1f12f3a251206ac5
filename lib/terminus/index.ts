import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { isSessionError } from '../core/util/errors.js';
import { SessionService } from '../nest/session.service.js';

/**
 * Whether the store of the sessions responds, for `@nestjs/terminus`. Use it for readiness: a node whose store does not
 * respond answers requests of sessions with 503, and a restart of the node does not help.
 *
 * @example
 * this.health.check([() => this.sessionStore.isHealthy('sessions')])
 */
@Injectable()
export class SessionHealthIndicator {
  readonly #sessions: Pick<SessionService, 'ping'>;
  readonly #health: HealthIndicatorService;

  /** Made by Nest, as a provider of a module that imports `TerminusModule`. */
  constructor(
    @Inject(SessionService) sessions: SessionService,
    @Inject(HealthIndicatorService) health: HealthIndicatorService,
  ) {
    this.#sessions = sessions;
    this.#health = health;
  }

  /**
   * `up`, or `down` with the code `ERR_STORE_UNAVAILABLE`, after the option `storeTimeout` at the latest. Never rejects.
   *
   * @param key under which the result has it
   */
  async isHealthy<const Key extends string = 'sessions'>(
    key: Key = 'sessions' as Key,
  ): Promise<HealthIndicatorResult<Key>> {
    const indicator = this.#health.check(key);
    try {
      await this.#sessions.ping();
      return indicator.up();
    } catch (error) {
      if (!isSessionError(error)) throw error;
      return indicator.down({ code: error.code });
    }
  }
}
