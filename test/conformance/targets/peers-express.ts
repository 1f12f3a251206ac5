import { promisify } from 'node:util';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { RedisStore } from 'connect-redis';
import cookieSession from 'cookie-session';
import type { NextFunction, Request, Response } from 'express';
import expressSession, { MemoryStore, type Store } from 'express-session';
import { getIronSession, type IronSession } from 'iron-session';
import { nodeRedis } from '../../support/redis-clients.js';
import type { RedisServer } from '../../support/servers.js';
import {
  ANSWERS_500,
  COPIES_STAY_GOOD,
  DELETES_FOREIGN,
  KEEPS_NOTHING,
  KEEPS_RECORDS,
  NO_FEATURES,
  type Peer,
  type PeerKind,
  type PeerOptions,
  type PeerStorage,
} from './peer.js';
import type { Watch } from './watched.js';

type Bag = Record<string, unknown>;

/** The session of express-session and cookie-session. */
interface WithSession {
  session: Bag | null;
}
const bagOf = (request: unknown): Bag => (request as WithSession).session ?? {};

interface StoredSession {
  regenerate(done: (error?: unknown) => void): void;
  save(done: (error?: unknown) => void): void;
  destroy(done: (error?: unknown) => void): void;
}
const storedOf = (request: unknown): StoredSession => (request as { session: StoredSession }).session;

/** By the README: at the login `regenerate`, then `save`; at the logout `destroy`. */
function storedPeer({ secrets, cookie, idle, store }: PeerOptions): Peer {
  const { name, ...attributes } = cookie;
  const middleware = expressSession({
    secret: secrets.length === 1 ? secrets[0]! : [...secrets],
    ...(name !== undefined && { name }),
    resave: false,
    saveUninitialized: false,
    rolling: idle !== undefined,
    cookie: { secure: true, sameSite: 'lax', ...(idle !== undefined && { maxAge: idle }), ...attributes },
    store: store as Store,
  });
  const call = (request: unknown, method: keyof StoredSession): Promise<void> => {
    const session = storedOf(request);
    return promisify((done: (error?: unknown) => void) => session[method](done))();
  };
  const keep = (request: unknown, data: object): void => void Object.assign(bagOf(request), data);
  return {
    install: (app) => (app as NestExpressApplication).use(middleware),
    entries: (request) => {
      const { cookie: _cookie, ...data } = bagOf(request);
      return data;
    },
    write: keep,
    login: async (request, user) => {
      await call(request, 'regenerate');
      keep(request, { user });
      await call(request, 'save');
    },
    logout: (request) => call(request, 'destroy'),
    regenerate: async (request) => {
      const { user } = bagOf(request);
      await call(request, 'regenerate');
      if (user !== undefined) keep(request, { user });
    },
  };
}

const CALLS = { get: 'read', set: 'write', touch: 'write', destroy: 'write' } as const;

/** Counts the calls of a store that answers by a callback, and lets them fail. */
export function watchedStore<T extends object>(store: T, watch: Watch): T {
  return new Proxy(store, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      const kind = Object.entries(CALLS).find(([name]) => name === key)?.[1];
      return (...args: unknown[]): unknown => {
        const failure = kind && watch.enter(kind, args.slice(0, -1));
        if (!failure) return Reflect.apply(value, target, args);
        const done = args.at(-1);
        setImmediate(() => typeof done === 'function' && done(failure));
        return undefined;
      };
    },
  });
}

export const expressSessionInMemory: PeerKind = {
  name: 'express-session',
  platform: 'express',
  cookieName: 'connect.sid',
  lacks: { ...NO_FEATURES, ...KEEPS_RECORDS },
  notes: { R80: ANSWERS_500 },
  storage: async (watch) => {
    const store = new MemoryStore();
    const sessions = () => (store as unknown as { sessions: object }).sessions;
    return {
      store: watchedStore(store, watch),
      dump: async () => JSON.stringify(sessions()),
      wipe: async () => void store.clear(),
    };
  },
  make: storedPeer,
};

export const connectRedis = (server: () => RedisServer): PeerKind => ({
  name: 'connect-redis',
  platform: 'express',
  cookieName: 'connect.sid',
  lacks: {
    ...NO_FEATURES,
    ...KEEPS_RECORDS,
    clock: { mark: '?', reason: 'Redis expires its keys by a clock that the suite does not move.' },
  },
  notes: { R80: ANSWERS_500 },
  storage: async (watch): Promise<PeerStorage> => {
    const client = await (clients.get(server()) ?? open(server()));
    const prefix = `peer${++prefixes}:`;
    const keys = () => client.keys(`${prefix}*`);
    return {
      store: watchedStore(new RedisStore({ client, prefix }), watch),
      dump: async () => {
        const found = await Promise.all((await keys()).map(async (key) => [key, await client.get(key)]));
        return JSON.stringify(found);
      },
      wipe: async () => {
        for (const key of await keys()) await client.del(key);
      },
    };
  },
  make: storedPeer,
});
let prefixes = 0;

type Redis = Awaited<ReturnType<typeof nodeRedis>>;

/** One client for all sites: each has a prefix of its own. */
const clients = new WeakMap<RedisServer, Promise<Redis>>();

function open(server: RedisServer): Promise<Redis> {
  const client = nodeRedis(server.url);
  clients.set(server, client);
  return client;
}

export const nothingKept = async (): Promise<PeerStorage> => ({
  store: undefined,
  dump: async () => '',
  wipe: async () => undefined,
});

export const cookieSessionPeer: PeerKind = {
  name: 'cookie-session',
  platform: 'express',
  cookieName: 'session',
  lacks: {
    ...NO_FEATURES,
    ...KEEPS_NOTHING,
    regenerate: { mark: 'no', reason: 'It has no token that could be renewed.' },
  },
  notes: {
    ...COPIES_STAY_GOOD,
    ...Object.fromEntries(
      ['R22', 'R29', 'R68', 'R78'].map((id) => [id, 'Only the browser knows when the cookie expires.']),
    ),
    R13: 'It sends Expires without Max-Age, which the browsers of today understand.',
    R81: DELETES_FOREIGN,
    R89: DELETES_FOREIGN,
    R1: 'A signed state has no id.',
    R60: 'The cookie is signed, not encrypted, as its documentation says.',
  },
  storage: nothingKept,
  make: ({ secrets, cookie, idle }) => {
    const middleware = cookieSession({
      name: 'session',
      keys: [...secrets],
      secure: true,
      sameSite: 'lax',
      ...(idle !== undefined && { maxAge: idle }),
      ...cookie,
    });
    const keep = (request: unknown, data: object): void => void Object.assign(bagOf(request), data);
    return {
      install: (app) => (app as NestExpressApplication).use(middleware),
      entries: (request) => {
        const { rolledAt: _rolledAt, ...data } = bagOf(request);
        return data;
      },
      write: keep,
      login: (request, user) => void ((request as WithSession).session = { user }),
      logout: (request) => void ((request as WithSession).session = null),
      roll: (request) => idle !== undefined && keep(request, { rolledAt: Date.now() }),
    };
  },
};

const ironOf = (request: unknown): IronSession<Bag> => (request as { session: IronSession<Bag> }).session;

/** Each secret keeps its number: the highest one seals, as the documentation says. */
const numbers = new Map<string, number>();
const numberOf = (secret: string): number => {
  const known = numbers.get(secret) ?? numbers.size + 1;
  numbers.set(secret, known);
  return known;
};

export const ironSessionPeer: PeerKind = {
  name: 'iron-session',
  platform: 'express',
  cookieName: 'session',
  lacks: {
    ...NO_FEATURES,
    ...KEEPS_NOTHING,
    regenerate: { mark: 'no', reason: 'It has no token that could be renewed.' },
  },
  notes: {
    ...COPIES_STAY_GOOD,
    ...Object.fromEntries(['R22', 'R29'].map((id) => [id, 'It allows 60 seconds for clocks that differ.'])),
    R13: 'It sends Max-Age=0 without Expires, which the browsers of today understand.',
    R61: 'A damaged prefix is a 500; nothing that was altered opens a session.',
    R64: 'A damaged prefix is a 500; nothing that was altered opens a session.',
    R66: 'It refuses a short password at the first request.',
    R89: 'A logout deletes the cookie, whoever set it.',
    R71: 'It is a 500, and opens nothing.',
  },
  storage: nothingKept,
  make: ({ secrets, cookie, idle }) => {
    const { name = 'session', partitioned: _partitioned, ...attributes } = cookie;
    const options = {
      password: Object.fromEntries([...secrets].reverse().map((secret) => [numberOf(secret), secret])),
      cookieName: name,
      ...(idle !== undefined && { ttl: idle / 1000 }),
      cookieOptions: { secure: true, httpOnly: true, sameSite: 'lax' as const, ...attributes },
    };
    return {
      install: (app) =>
        (app as NestExpressApplication).use((request: Request, response: Response, next: NextFunction) => {
          getIronSession<Bag>(request, response, options).then((session) => {
            Object.assign(request, { session });
            next();
          }, next);
        }),
      entries: (request) => ({ ...ironOf(request) }),
      write: (request, data) => {
        Object.assign(ironOf(request), data);
        return ironOf(request).save();
      },
      login: (request, user) => {
        Object.assign(ironOf(request), { user });
        return ironOf(request).save();
      },
      logout: (request) => ironOf(request).destroy(),
      roll: (request) => (idle === undefined ? undefined : ironOf(request).save()),
    };
  },
};
