import { setMaxListeners } from 'node:events';
import { withoutValues } from '../../core/storage/driver-error.js';

/** How long a command may wait to be sent before the driver drops it, in milliseconds. */
const COMMAND_TIMEOUT = 5_000;

/** Commands that were given within so many milliseconds give up together. */
const SPAN = 250;

/** What node-redis takes beside a command. */
export interface CommandOptions {
  timeout: undefined;
  abortSignal: AbortSignal;
}

/**
 * Keeps the queue of node-redis from growing while there is no connection, as the driver does by itself: with a
 * signal and a timer for each command, though, which costs more than the command. Here many share one.
 */
export class SharedCommandTimeout {
  #options: CommandOptions | undefined;
  #renewAt = -Infinity;

  /** For a command that is sent now. */
  get options(): CommandOptions {
    const now = performance.now();
    if (!this.#options || now >= this.#renewAt) {
      this.#options = { timeout: undefined, abortSignal: signalIn(COMMAND_TIMEOUT) };
      this.#renewAt = now + SPAN;
    }
    return this.#options;
  }
}

function signalIn(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  // Node warns of more than ten listeners, and each command that waits is one.
  setMaxListeners(0, controller.signal);
  setTimeout(() => controller.abort(), milliseconds).unref();
  return controller.signal;
}

/** Rejects as the driver did, but says why: it drops a command only as long as that was not sent. */
export function explainTimeout(error: unknown): never {
  if (error instanceof Error && error.constructor.name === 'AbortError')
    throw new Error(`no connection to Redis within ${COMMAND_TIMEOUT / 1000} seconds`, { cause: error });
  throw withoutValues(error);
}
