// What the examples of README and docs take for granted: values of the reader's application.
import type { Redis } from 'ioredis';
import type { IncomingMessage } from 'node:http';
import type { INestApplication, Type } from '@nestjs/common';
import type { Pool as PgPool } from 'pg';
import type { PostgresStore } from 'nest-sessions/postgres';
import type * as Lib from 'nest-sessions';

declare module 'nest-sessions' {
  interface SessionData {
    visits?: number;
  }
}

declare global {
  const app: INestApplication;
  const sessions: Lib.SessionService;
  const secret: string;
  const client: Redis;
  const pool: PgPool;
  const store: PostgresStore;
  const request: IncomingMessage;
  const ip: string;
  const claims: { sub: string; auth_time: number };
  const user: { id: string; lastPasswordCheck: Date };
  const SessionModule: typeof Lib.SessionModule;
  const MemoryStore: typeof Lib.MemoryStore;
  class Users {
    verify(form: object): Promise<{ id: string }>;
  }
  const AppModule: Type;
  class Provider {
    authorizationUrl(state: string, verifier: string): string;
    redeem(code: string, verifier: string): Promise<{ subject: string; authenticatedAt: Date }>;
  }
  class Tokens {
    verify(token: string): Promise<{ sub: string; iat: number } | undefined>;
    revoke(token: string): Promise<void>;
  }
  class ConfigService {
    getOrThrow<T>(name: string): T;
  }
}
