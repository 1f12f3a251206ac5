import type { SessionStore } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { SECRET } from './platforms.js';
import { importSample, startSample, type ListeningSample } from './sample.js';

export { DEMO_PASSWORDS } from './sample.js';

export interface RunningSample extends ListeningSample {
  clock: FakeClock;
}

const SOURCE = '01-login/src';

/** Starts `sample/01-login` in this process, with a clock that stands still and a window of five minutes. */
export async function startLoginSample(store?: SessionStore, host?: string): Promise<RunningSample> {
  const clock = new FakeClock();
  const settings = { secret: SECRET, reloginWindow: 5 * 60 * 1000, clock, ...(store && { store }) };
  return { ...(await startSample(SOURCE, settings, { host })), clock };
}

/** What the sample makes of its environment when it is started for real. */
export async function settingsFrom(env: Record<string, string>): Promise<Record<string, unknown>> {
  const module = await importSample<{ settingsFrom: typeof settingsFrom }>(`${SOURCE}/settings.js`);
  return module.settingsFrom(env);
}
