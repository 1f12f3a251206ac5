import { setTimeout as wait } from 'node:timers/promises';
import type { EngineConfig } from '../request/engine-context.js';
import { SessionError } from '../util/errors.js';

/** Attempts before a change gives up. At least one writer succeeds in each round, so this many may compete. */
const ATTEMPTS = 500;

/** The longest pause between two attempts, in milliseconds. */
const MAX_PAUSE = 20;

/** The attempts of a change that other requests may conflict with. */
export class Attempts {
  readonly #name: string;
  readonly #pause: (milliseconds: number) => Promise<void>;
  #failed = 0;

  /** @param name of the change, as the application wrote it */
  constructor(name: string, { pause = wait }: Pick<EngineConfig, 'pause'>) {
    this.#name = name;
    this.#pause = pause;
  }

  /**
   * After a conflict: pauses before the next attempt, if the one before has failed as well.
   *
   * @throws SessionError `ERR_CONFLICT` if there were too many. A store that reads from a replica which lags, or that is
   *   wrong, would otherwise be queried without end
   */
  async again(): Promise<void> {
    const failed = this.#failed++;
    if (this.#failed >= ATTEMPTS) throw this.#conflict();
    // Without a random pause, writers that conflict would continue to conflict in step.
    if (failed > 1) await this.#pause(Math.random() * Math.min(failed, MAX_PAUSE));
  }

  #conflict(): SessionError {
    return new SessionError(
      'ERR_CONFLICT',
      `${this.#name}: each of ${ATTEMPTS} attempts conflicted with another request. Try again later.`,
    );
  }
}
