import { describeSessionStore } from 'nest-sessions/testing';
import { PostgresStore } from 'nest-sessions/postgres';
import { describePostgres } from '../support/postgres.js';

describePostgres('PostgreSQL', (server) => {
  describeSessionStore('PostgresStore', async () => {
    const store = new PostgresStore({ pool: server().pool() });
    await store.migrate();
    return store;
  });

  describeSessionStore('PostgresStore in a schema, where the database isolates strictly', async () => {
    await server().ask('CREATE SCHEMA "App"');
    const options = '-c default_transaction_isolation=serializable';
    const store = new PostgresStore({ pool: server().pool({ options }), table: 'App.Sessions' });
    await store.migrate();
    return store;
  });
});
