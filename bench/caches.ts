import { readFileSync } from 'node:fs';
import type { Plan } from './options.js';
import { settingOf } from './postgres.js';

/** This library's own, of a node: what a session costs that was not seen lately, it costs for all but these. */
const OURS = 'this library: the signatures of the last 10,000 sessions, 16 MB of opened sealed cookies';

/**
 * How much of what lies nearest fits into it: each session is drawn from all of them, so that with a million
 * nearly every request asks for one that is in none of the smaller caches.
 */
export async function cachesOf(plan: Plan): Promise<string[]> {
  const postgres = plan.postgres && (await settingOf(plan.postgres, 'shared_buffers'));
  return [
    OURS,
    ...processor(),
    ...(postgres ? [`PostgreSQL: shared_buffers of ${postgres}, the system's page cache beyond`] : []),
    ...(plan.redis ? ['Redis: all in memory, no limit set'] : []),
  ];
}

/** As Linux tells of the server's core. */
function processor(): string[] {
  const sizes: string[] = [];
  for (const index of [0, 1, 2, 3, 4]) {
    const of = (name: string): string =>
      readFileSync(`/sys/devices/system/cpu/cpu0/cache/index${index}/${name}`, 'latin1').trim();
    try {
      if (of('type') !== 'Instruction') sizes.push(`L${of('level')} ${of('size')}`);
    } catch {
      break;
    }
  }
  return sizes.length > 0 ? [`the processor: ${sizes.join(', ')}`] : [];
}
