import fastifyCookie from '@fastify/cookie';
import secureSession from '@fastify/secure-session';
import fastifySession from '@fastify/session';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  ANSWERS_500,
  COPIES_STAY_GOOD,
  DELETES_FOREIGN,
  KEEPS_NOTHING,
  KEEPS_RECORDS,
  NO_FEATURES,
  type PeerKind,
} from './peer.js';
import { nothingKept, watchedStore } from './peers-express.js';

type Bag = Record<string, unknown>;
type Register = Parameters<NestFastifyApplication['register']>[0];

interface StoredSession {
  regenerate(keep?: string[]): Promise<void>;
  save(): Promise<void>;
  destroy(): Promise<void>;
  get(key: string): unknown;
  set(key: string, value: unknown): void;
}
const storedOf = (request: unknown): StoredSession & Bag =>
  (request as { session: StoredSession & Bag }).session;

const LENGTH_ONLY =
  'It refuses a secret that is too short or missing, and takes a long one that is a known default.';

/** What the library keeps on its object itself. */
const OWN = new Set(['cookie', 'sessionId', 'encryptedSessionId']);

interface RecordStore {
  readonly store: Map<string, unknown>;
}

export const fastifySessionPeer: PeerKind = {
  name: '@fastify/session',
  platform: 'fastify',
  cookieName: 'sessionId',
  lacks: { ...NO_FEATURES, ...KEEPS_RECORDS },
  notes: { R66: LENGTH_ONLY, R80: ANSWERS_500, R81: DELETES_FOREIGN, R89: DELETES_FOREIGN },
  storage: async (watch) => {
    const { MemoryStore } = fastifySession as unknown as { MemoryStore: new () => RecordStore };
    const store = new MemoryStore();
    return {
      store: watchedStore(store, watch),
      dump: async () => JSON.stringify([...store.store]),
      wipe: async () => store.store.clear(),
    };
  },
  make: ({ secrets, cookie, idle, store }) => {
    const { name, ...attributes } = cookie;
    const options = {
      secret: secrets.length === 1 ? secrets[0] : [...secrets],
      ...(name !== undefined && { cookieName: name }),
      saveUninitialized: false,
      store,
      cookie: { secure: true, sameSite: 'lax', ...(idle !== undefined && { maxAge: idle }), ...attributes },
    };
    const keep = (request: unknown, data: object): void => {
      for (const [key, value] of Object.entries(data)) storedOf(request).set(key, value);
    };
    return {
      install: async (app) => {
        const fastify = app as NestFastifyApplication;
        await fastify.register(fastifyCookie);
        await fastify.register(fastifySession as unknown as Register, options);
      },
      entries: (request) => {
        const session = storedOf(request);
        const keys = Object.keys(session).filter((key) => !OWN.has(key));
        return Object.fromEntries(keys.map((key) => [key, session.get(key)]));
      },
      write: keep,
      login: async (request, user) => {
        await storedOf(request).regenerate();
        keep(request, { user });
        await storedOf(request).save();
      },
      logout: (request) => storedOf(request).destroy(),
      regenerate: (request) => storedOf(request).regenerate(['user']),
    };
  },
};

interface SealedSession {
  data(): Bag | undefined;
  set(key: string, value: unknown): void;
  delete(): void;
  touch(): void;
  regenerate(keep?: string[]): void;
}
const sealedOf = (request: unknown): SealedSession => (request as { session: SealedSession }).session;

export const secureSessionPeer: PeerKind = {
  name: '@fastify/secure-session',
  platform: 'fastify',
  cookieName: 'session',
  lacks: { ...NO_FEATURES, ...KEEPS_NOTHING },
  notes: { ...COPIES_STAY_GOOD, R66: LENGTH_ONLY, R89: 'A logout deletes the cookie, whoever set it.' },
  storage: nothingKept,
  make: ({ secrets, cookie, idle }) => {
    const { name, ...attributes } = cookie;
    const key = secrets.map((secret) => Buffer.from(secret).subarray(0, 32));
    const options = {
      key: key.length === 1 ? key[0] : key,
      ...(name !== undefined && { cookieName: name }),
      ...(idle !== undefined && { expiry: idle / 1000 }),
      cookie: {
        path: '/',
        httpOnly: true,
        secure: true,
        sameSite: 'lax',
        ...(idle !== undefined && { maxAge: idle / 1000 }),
        ...attributes,
      },
    };
    const keep = (request: unknown, data: object): void => {
      for (const [one, value] of Object.entries(data)) sealedOf(request).set(one, value);
    };
    return {
      install: (app) =>
        (app as NestFastifyApplication).register(secureSession as unknown as Register, options),
      entries: (request) => ({ ...sealedOf(request).data() }),
      write: keep,
      login: (request, user) => {
        sealedOf(request).regenerate();
        keep(request, { user });
      },
      logout: (request) => sealedOf(request).delete(),
      regenerate: (request) => sealedOf(request).regenerate(['user']),
      roll: (request) => idle !== undefined && sealedOf(request).touch(),
    };
  },
};
