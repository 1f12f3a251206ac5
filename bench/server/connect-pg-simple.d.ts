/** What is used of a package that comes without types. */
declare module 'connect-pg-simple' {
  import type { Store } from 'express-session';
  import type { Pool } from 'pg';

  interface Options {
    pool: Pool;
    tableName: string;
    createTableIfMissing: boolean;
  }

  export default function connect(session: { Store: typeof Store }): new (options: Options) => Store;
}
