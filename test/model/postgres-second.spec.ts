import { describePostgres } from '../support/postgres.js';
import { itHolds } from './holds.js';
import { postgresWorlds } from './postgres-worlds.js';

/** A spec file of its own, so that it runs beside the first half. */
describePostgres('the model over PostgreSQL, the second half', (server) => {
  itHolds({ from: 10_000, count: 10_000 }, () => postgresWorlds(server()));
});
