import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import ms from 'ms';
import type { Clock, SessionStore } from 'nest-sessions';

/** What differs between one run of this application and another. */
export class Settings {
  /** Signs the session cookie. */
  secret!: string;
  /** How old a login may be for the sensitive pages, in milliseconds. */
  reloginWindow!: number;
  /** Only code can set these two, as the tests do: no request and no environment variable reaches them. */
  clock?: Clock;
  store?: SessionStore;
}

/** @throws Error when RELOGIN_WINDOW is no span of time */
export function settingsFrom(env: NodeJS.ProcessEnv): Settings {
  return {
    secret: env['SESSION_SECRET'] ?? secretForDevelopment(),
    reloginWindow: spanOf(env['RELOGIN_WINDOW'] ?? '5m'),
  };
}

function spanOf(text: string): number {
  const span = /^\d+(?:\.\d+)?(?:s|m|h|d)$/.test(text) ? ms(text as ms.StringValue) : 0;
  if (span > 0) return span;
  throw new Error(`RELOGIN_WINDOW: "${text}" is no span of time. Write for example 20s, 5m or 1h.`);
}

function secretForDevelopment(): string {
  new Logger('Sample').warn(
    'SESSION_SECRET is not set: a secret was made up for this run, so the next run knows none of the cookies. ' +
      'In production make one with: npx nest-sessions secret',
  );
  return randomBytes(32).toString('base64url');
}
