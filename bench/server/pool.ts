import type { Pool, PoolConfig } from 'pg';
import { APPLICATION, type ServerSettings } from './settings.js';

/** The same for everybody. Its connections outlive the turns of others, so that those that are pinned are those that work. */
export async function poolOf({ postgres, prefill }: ServerSettings): Promise<Pool> {
  const { default: pg } = await import('pg');
  const config: PoolConfig = {
    connectionString: postgres,
    max: 10,
    idleTimeoutMillis: 0,
    application_name: APPLICATION,
  };
  // Sessions by the million are made without waiting for the disk; what is measured of them are reads.
  return new pg.Pool(prefill === undefined ? config : { ...config, options: '-c synchronous_commit=off' });
}
