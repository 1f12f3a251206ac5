import { PostgresStore } from 'nest-sessions/postgres';
import { describePostgres } from '../support/postgres.js';
import { itHolds } from './holds.js';

describePostgres('the model over PostgreSQL', (server) => {
  itHolds(2_000, async () => {
    const store = new PostgresStore({ pool: server().pool() });
    await store.migrate();
    return store;
  });
});
