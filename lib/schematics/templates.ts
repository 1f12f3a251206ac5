import type { PackageToAdd } from './manifest.js';
import type { Wiring } from './module-edit.js';

/** Where sessions are kept. */
export type StoreChoice = 'memory' | 'redis' | 'postgres' | 'sealed';

interface StoreTemplate {
  /** @param late whether the options have to be read when the application starts, because `.env` is loaded no sooner */
  wiring(late: boolean): Wiring;
  /** Texts by the names of files beside the module. */
  files: Readonly<Record<string, string>>;
  /** Variables of the environment besides the secret, with what stands there for a start. */
  variables: Readonly<Record<string, string>>;
  dependencies: readonly PackageToAdd[];
}

/** In the order of imports, it comes before whatever reads the environment. */
export const LOAD_ENV = `import { existsSync } from 'node:fs';

// What is set already stays as it is: in production the platform sets it.
if (existsSync('.env')) process.loadEnvFile('.env');
`;

const inline = (options: string, imports: Wiring['imports']) => ({
  wiring: (late: boolean): Wiring => ({
    imports,
    call: late ? `forRootAsync({ useFactory: () => (${options}) })` : `forRoot(${options})`,
  }),
  files: {},
  variables: {},
  dependencies: [],
});

const ofClass = (
  text: string,
  variables: StoreTemplate['variables'],
  dependencies: StoreTemplate['dependencies'],
): StoreTemplate => ({
  wiring: () => ({
    imports: [{ name: 'SessionOptions', from: './session.options' }],
    call: 'forRootAsync({ useClass: SessionOptions })',
  }),
  files: { 'session.options.ts': text },
  variables,
  dependencies,
});

const REDIS = `import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { SessionModuleOptions, SessionOptionsFactory } from 'nest-sessions';
import { RedisStore } from 'nest-sessions/redis';
import { createClient } from 'redis';

@Injectable()
export class SessionOptions implements SessionOptionsFactory, OnApplicationShutdown {
  private readonly client = createClient({ url: process.env['REDIS_URL'] });

  createSessionOptions(): SessionModuleOptions {
    // Without a listener an error of the connection would end the process.
    this.client.on('error', (error: Error) => console.error('Redis:', error.message));
    // Not awaited: while Redis is down the application starts, answers with 503, and recovers by itself.
    this.client.connect().catch(() => undefined); // the listener has told of it
    return {
      secret: process.env['SESSION_SECRET']!,
      store: new RedisStore({ client: this.client }),
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.client.close();
  }
}
`;

const POSTGRES = `import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { SessionModuleOptions, SessionOptionsFactory } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { Pool } from 'pg';

@Injectable()
export class SessionOptions implements SessionOptionsFactory, OnApplicationShutdown {
  private readonly pool = new Pool({
    connectionString: process.env['DATABASE_URL'],
    connectionTimeoutMillis: 2_000,
    keepAlive: true,
  });

  async createSessionOptions(): Promise<SessionModuleOptions> {
    const store = new PostgresStore({ pool: this.pool });
    // Creates the table. With migrations of your own apply what PostgresStore.ddl() returns instead.
    await store.migrate();
    return { secret: process.env['SESSION_SECRET']!, store };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
`;

const SECRET = 'secret: process.env.SESSION_SECRET!';

export const STORES: Readonly<Record<StoreChoice, StoreTemplate>> = {
  memory: inline(`{ ${SECRET} }`, []),
  sealed: inline(`{ ${SECRET}, store: new SealedCookie() }`, [
    { name: 'SealedCookie', from: 'nest-sessions/sealed' },
  ]),
  redis: ofClass(REDIS, { REDIS_URL: 'redis://localhost:6379' }, [
    { section: 'dependencies', name: 'redis', version: '^6.0.0' },
  ]),
  postgres: ofClass(POSTGRES, { DATABASE_URL: 'postgres://postgres:postgres@localhost:5432/postgres' }, [
    { section: 'dependencies', name: 'pg', version: '^8.0.0' },
    { section: 'devDependencies', name: '@types/pg', version: '^8.0.0' },
  ]),
};
