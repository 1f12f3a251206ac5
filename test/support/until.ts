import { setTimeout as wait } from 'node:timers/promises';

/** Asks until it is so, for what another process does in its own time. */
export async function until(
  so: () => unknown,
  what = 'what was waited for',
  timeout = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!(await so())) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${timeout} ms.`);
    await wait(10);
  }
}
