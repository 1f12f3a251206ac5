import { randomBytes } from 'node:crypto';
import type { Clock } from 'nest-sessions';

/** What differs between one run of this application and another. */
export interface Settings {
  /** Signs the cookies. */
  secret: string | Uint8Array;
  /** Only code can set it, as the tests do: no request and no environment variable reaches it. */
  clock?: Clock;
}

/** Without a secret of its own each start logs everybody out, as the store in memory does anyway. */
export const settingsFrom = (env: NodeJS.ProcessEnv): Settings => ({
  secret: env['SESSION_SECRET'] ?? randomBytes(32),
});
