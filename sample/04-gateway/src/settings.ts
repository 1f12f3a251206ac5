import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { Clock, Duration } from 'nest-sessions';

/** What differs between one run of this application and another. */
export interface Settings {
  /** Signs the session cookie. */
  secret: string;
  /** How old a login may be for what is sensitive. */
  reloginWindow: Duration;
  /** Only code can set it, as the tests do: no request and no environment variable reaches it. */
  clock?: Clock;
}

/** A window that is no span of time is refused at start, by SessionModule. */
export function settingsFrom(env: NodeJS.ProcessEnv): Settings {
  return {
    secret: env['SESSION_SECRET'] ?? secretForDevelopment(),
    reloginWindow: (env['RELOGIN_WINDOW'] ?? '5m') as Duration,
  };
}

function secretForDevelopment(): string {
  new Logger('Sample').warn(
    'SESSION_SECRET is not set: a secret was made up, which the next run does not know.',
  );
  return randomBytes(32).toString('base64url');
}
