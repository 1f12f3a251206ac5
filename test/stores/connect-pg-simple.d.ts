/** What is used of a package that comes without types. */
declare module 'connect-pg-simple' {
  import type { Store } from 'express-session';
  import type session from 'express-session';
  import type { Pool } from 'pg';

  interface Options {
    pool: Pool;
    createTableIfMissing?: boolean;
    pruneSessionInterval?: number | false;
  }
  type Done = (error?: unknown, row?: Record<string, unknown>) => void;
  interface PgStore extends Omit<Store, 'get' | 'set' | 'destroy' | 'all'> {
    get(sid: string, done: (error?: unknown, session?: unknown) => void): void;
    set(sid: string, session: unknown, done: (error?: unknown) => void): void;
    destroy(sid: string, done?: (error?: unknown) => void): void;
    query(text: string, values: unknown[], done: Done): void;
  }
  export default function connect(library: typeof session): new (options: Options) => PgStore;
}
