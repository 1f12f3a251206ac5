import { setMaxListeners } from 'node:events';
import { withoutValues } from '../../../core/storage/health/driver-error.js';

/** How long a command may wait to be sent before the driver drops it, in milliseconds. */
const COMMAND_TIMEOUT = 5_000;

/** Commands that are sent within this many milliseconds share a signal. */
const SHARED_FOR = 250;

/** Options of node-redis for one command. */
export interface CommandOptions {
  timeout: undefined;
  abortSignal: AbortSignal;
}

/**
 * Keeps the queue of node-redis from growing without a connection. The driver's own timeout does the same, but with a
 * signal and a timer for each command, which costs more than the command itself. Here many commands share one.
 */
export class SharedCommandTimeout {
  #options: CommandOptions | undefined;
  #renewAt = -Infinity;

  /** For a command that is sent now. */
  get options(): CommandOptions {
    const now = performance.now();
    if (!this.#options || now >= this.#renewAt) {
      this.#options = { timeout: undefined, abortSignal: signalIn(COMMAND_TIMEOUT) };
      this.#renewAt = now + SHARED_FOR;
    }
    return this.#options;
  }
}

function signalIn(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  // Node warns of more than ten listeners, and each pending command adds one.
  setMaxListeners(0, controller.signal);
  setTimeout(() => controller.abort(), milliseconds).unref();
  return controller.signal;
}

/** Rethrows a driver's error; an aborted command says why. The driver drops only commands that were not sent yet. */
export function explainTimeout(error: unknown): never {
  if (error instanceof Error && error.constructor.name === 'AbortError')
    throw new Error(`no connection to Redis within ${COMMAND_TIMEOUT / 1000} seconds`, { cause: error });
  throw withoutValues(error);
}
