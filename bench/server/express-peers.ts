import type { INestApplication } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import type { Store } from 'express-session';
import type { IronSession } from 'iron-session';
import type { Peer } from './peers.js';
import { poolOf } from './pool.js';
import { SECRET, type ServerSettings } from './settings.js';

type Bag = Record<string, unknown>;
interface WithBag {
  session: Bag;
}

const bagOf = (request: unknown): Bag => (request as WithBag).session;

const propertyAccess = {
  read: (request: unknown, key: string) => bagOf(request)[key],
  write: (request: unknown, key: string, value: unknown) => void (bagOf(request)[key] = value),
};

export async function expressSession(settings: ServerSettings): Promise<Peer> {
  const { default: session } = await import('express-session');
  const store = await storeOf(settings);
  return {
    ...propertyAccess,
    entries: (request) => bagOf(request),
    install(app: INestApplication) {
      app.use(
        session({
          secret: SECRET,
          store,
          resave: false,
          saveUninitialized: false,
          rolling: settings.rolling,
          cookie: { maxAge: 30 * 60_000 },
        }),
      );
    },
    login: (request, data) =>
      new Promise<void>((resolve, reject) => {
        (request as Request).session.regenerate((error?: Error) => {
          if (error) return reject(error);
          Object.assign(bagOf(request), data);
          resolve();
        });
      }),
  };
}

async function storeOf(settings: ServerSettings): Promise<Store> {
  switch (settings.contender) {
    case 'connect-redis':
      return redisStore(settings);
    case 'connect-pg-simple':
      return postgresStore(settings);
    default:
      return new (await import('express-session')).default.MemoryStore();
  }
}

async function redisStore({ redis }: ServerSettings): Promise<Store> {
  const [{ createClient }, { RedisStore }] = await Promise.all([import('redis'), import('connect-redis')]);
  const client = await createClient({ url: redis }).connect();
  return new RedisStore({ client, prefix: 'bench:peer:' });
}

async function postgresStore(settings: ServerSettings): Promise<Store> {
  const [{ default: session }, { default: connect }, pool] = await Promise.all([
    import('express-session'),
    import('connect-pg-simple'),
    poolOf(settings),
  ]);
  return new (connect(session))({ pool, tableName: 'bench_peer_sessions', createTableIfMissing: true });
}

export async function cookieSession(): Promise<Peer> {
  const { default: session } = await import('cookie-session');
  return {
    ...propertyAccess,
    entries: (request) => ({ ...bagOf(request) }),
    install: (app) => void app.use(session({ name: 'session', keys: [SECRET], maxAge: 30 * 60_000 })),
    login: (request, data) => void ((request as WithBag).session = data),
    // What its documentation says: change something, and the cookie is written anew.
    roll: (request) => void (bagOf(request)['seen'] = Date.now()),
  };
}

export async function ironSession(): Promise<Peer> {
  const { getIronSession } = await import('iron-session');
  const options = { password: SECRET, cookieName: 'session', cookieOptions: { secure: false }, ttl: 30 * 60 };
  const of = (request: unknown): IronSession<Bag> => bagOf(request) as unknown as IronSession<Bag>;
  return {
    ...propertyAccess,
    entries: (request) => ({ ...bagOf(request) }),
    install(app) {
      (app as NestExpressApplication).use((request: Request, response: Response, next: NextFunction) => {
        getIronSession<Bag>(request, response, options).then((session) => {
          Object.assign(request, { session });
          next();
        }, next);
      });
    },
    async login(request, data) {
      Object.assign(bagOf(request), data);
      await of(request).save();
    },
    save: (request) => of(request).save(),
    roll: (request) => of(request).save(),
  };
}
