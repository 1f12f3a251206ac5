import { describeSessionStore } from 'nest-sessions/testing';
import { PostgresStore } from 'nest-sessions/postgres';
import { describePostgres } from '../../support/postgres.js';

describePostgres('PostgreSQL', (server) => {
  const make = async () => {
    const store = new PostgresStore({ pool: server().pool() });
    await store.migrate();
    return store;
  };
  describeSessionStore('PostgresStore', make, { secondNode: make });

  const makeStrict = async () => {
    await server().ask('CREATE SCHEMA IF NOT EXISTS "App"');
    const options = '-c default_transaction_isolation=serializable';
    const store = new PostgresStore({ pool: server().pool({ options }), table: 'App.Sessions' });
    await store.migrate();
    return store;
  };
  describeSessionStore('PostgresStore in a schema, where the database isolates strictly', makeStrict, {
    secondNode: makeStrict,
  });
});
