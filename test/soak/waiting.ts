import { readFileSync } from 'node:fs';

/** Milliseconds since the start of this process. */
interface ProcessorTime {
  used: number;
  waited: number;
}

/**
 * How long the main thread of this process has run, and how long it was ready to run and had no processor: the first fields of
 * `/proc/self/schedstat`, in nanoseconds. No waiting where the system does not count it.
 */
function processorTime(): ProcessorTime {
  try {
    const [used, waited] = readFileSync('/proc/self/schedstat', 'utf8').split(' ').map(Number);
    return { used: used! / 1e6, waited: waited! / 1e6 };
  } catch {
    return { used: 1, waited: 0 };
  }
}

/** Measures the share of the time in which the main thread could run that it got a processor for, 0 to 1, call by call. */
export class ProcessorShare {
  #before = processorTime();

  /** Since the last call. */
  next(): number {
    const now = processorTime();
    const [used, waited] = [now.used - this.#before.used, now.waited - this.#before.waited];
    this.#before = now;
    return waited > 0 ? used / (used + waited) : 1;
  }
}
