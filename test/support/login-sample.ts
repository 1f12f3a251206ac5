import type { INestApplication } from '@nestjs/common';
import type { SessionStore } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { SECRET } from './platforms.js';

interface SampleSettings {
  secret: string;
  reloginWindow: number;
  clock: FakeClock;
  store?: SessionStore;
}

interface Sample {
  createApp(settings: SampleSettings, options: { logger: false }): Promise<INestApplication>;
}

export interface RunningSample {
  app: INestApplication;
  clock: FakeClock;
  /** On `localhost`, as people open it. */
  url: string;
}

export const DEMO_PASSWORDS = { alice: 'a-cup-of-tea', bob: 'two-lumps-please' };

// A name that the compiler does not follow: the sample has a configuration and packages of its own.
const SAMPLE: string = '../../sample/01-login/src';

/** Starts `sample/01-login` in this process, with a clock that stands still and a window of five minutes. */
export async function startLoginSample(store?: SessionStore, host = 'localhost'): Promise<RunningSample> {
  const { createApp } = (await import(`${SAMPLE}/create-app.js`)) as Sample;
  const clock = new FakeClock();
  const settings = { secret: SECRET, reloginWindow: 5 * 60 * 1000, clock, ...(store && { store }) };
  const app = await createApp(settings, { logger: false });
  await app.listen(0, host);
  const { port } = app.getHttpServer().address() as { port: number };
  return { app, clock, url: `http://${host}:${port}` };
}

/** What the sample makes of its environment when it is started for real. */
export async function settingsFrom(env: Record<string, string>): Promise<Record<string, unknown>> {
  const module = (await import(`${SAMPLE}/settings.js`)) as { settingsFrom: typeof settingsFrom };
  return module.settingsFrom(env);
}
