import { fileURLToPath } from 'node:url';
import type { Store } from 'express-session';
import { FileStore } from './file-store.js';

/** What express-session has, and what nest-sessions needs to take its sessions over. */
export interface OldSessions {
  readonly secret: string;
  readonly store: Store;
}

const FOLDER = fileURLToPath(new URL('../../.cache/sessions', import.meta.url));

/** The same for both applications. The secret that is written here is for the demonstration alone. */
export const oldSessionsFrom = (env: NodeJS.ProcessEnv, folder = FOLDER): OldSessions => ({
  secret: env['OLD_SESSION_SECRET'] ?? 'my-secret',
  store: new FileStore(folder),
});
