import { describePostgres } from '../support/postgres.js';
import { itHolds } from './holds.js';
import { postgresWorlds } from './postgres-worlds.js';

describePostgres('the model over PostgreSQL, the first half', (server) => {
  itHolds({ count: 10_000 }, () => postgresWorlds(server()));
});
