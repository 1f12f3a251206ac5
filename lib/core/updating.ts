import { setTimeout as wait } from 'node:timers/promises';
import { jsonText, keyName } from './data.js';
import type { EngineContext } from './engine-context.js';
import { sessionEnded, SessionError } from './errors.js';
import type { SessionLifecycle } from './lifecycle.js';
import { CookieFate, Lifecycle, type Unit } from './unit.js';

/** Attempts before `update()` gives up. Each round one writer wins, so this is how many may compete. */
const ATTEMPTS = 500;

/** The longest pause between two attempts, in milliseconds. */
const LONGEST_PAUSE = 20;

/**
 * Changes one key of the data atomically: compare the revision, write, and if another was faster, take
 * in what it wrote and try again.
 */
export async function updateKey(
  context: EngineContext,
  lifecycle: SessionLifecycle,
  unit: Unit,
  key: string,
  fn: (value: unknown) => unknown,
): Promise<unknown> {
  keyName(key);
  if (unit.lifecycle === Lifecycle.New) return updateUnstored(unit, key, fn);
  if (context.keeper.cookieIsRecord) unit.assertReachable();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (!unit.held) throw sessionEnded();
    const value = await fn(unit.bag.stored(key));
    const text = value === undefined ? undefined : jsonText(key, value);
    unit.bag.assertValid(key, text);
    const data = text === undefined ? { set: {}, remove: [key] } : { set: { [key]: text }, remove: [] };
    const saved = await context.keeper.save(unit.held, { data, exclusive: true }, unit.now());
    if (saved.outcome === 'saved') {
      unit.held = saved.held;
      unit.bag.accept(key, text);
      if (context.keeper.cookieIsRecord) unit.fate = CookieFate.Set;
      return value;
    }
    if (saved.outcome === 'gone') {
      unit.lose();
      throw sessionEnded();
    }
    await lifecycle.reload(unit);
    // Writers that lost to each other by turns would go on losing in step.
    if (attempt > 1) await wait(Math.random() * Math.min(attempt, LONGEST_PAUSE));
  }
  throw new SessionError(
    'ERR_CONFLICT',
    `session.update('${key}'): other requests were faster ${ATTEMPTS} times in a row. Try again later.`,
  );
}

/** A session that is not stored yet has no other writers. */
async function updateUnstored(unit: Unit, key: string, fn: (value: unknown) => unknown): Promise<unknown> {
  const { proxy } = unit.bag;
  const value = await fn(proxy[key]);
  if (value === undefined) delete proxy[key];
  else proxy[key] = value;
  return value;
}
