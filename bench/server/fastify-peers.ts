import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Peer } from './peers.js';
import { SECRET } from './settings.js';

type Bag = Record<string, unknown>;
type Register = Parameters<NestFastifyApplication['register']>[0];

interface StoredRequest {
  session: Bag & { regenerate(): Promise<void> };
}

export async function fastifySession(): Promise<Peer> {
  const [{ default: cookie }, { default: session }] = await Promise.all([
    import('@fastify/cookie'),
    import('@fastify/session'),
  ]);
  const of = (request: unknown) => (request as StoredRequest).session;
  return {
    async install(app) {
      const fastify = app as NestFastifyApplication;
      await fastify.register(cookie);
      await fastify.register(session as unknown as Register, {
        secret: SECRET,
        saveUninitialized: false,
        cookie: { secure: false, maxAge: 30 * 60_000 },
      });
    },
    read: (request, key) => of(request)[key],
    write: (request, key, value) => void (of(request)[key] = value),
    entries: (request) => of(request),
    async login(request, data) {
      await of(request).regenerate();
      Object.assign(of(request), data);
    },
  };
}

interface SealedRequest {
  session: { get(key: string): unknown; set(key: string, value: unknown): void; data(): Bag; touch(): void };
}

export async function secureSession(): Promise<Peer> {
  const { default: session } = await import('@fastify/secure-session');
  const of = (request: unknown) => (request as SealedRequest).session;
  return {
    async install(app) {
      await (app as NestFastifyApplication).register(session as unknown as Register, {
        key: Buffer.from(SECRET).subarray(0, 32),
        expiry: 30 * 60,
        cookie: { path: '/' },
      });
    },
    read: (request, key) => of(request).get(key),
    write: (request, key, value) => of(request).set(key, value),
    entries: (request) => of(request).data(),
    login(request, data) {
      for (const [key, value] of Object.entries(data)) of(request).set(key, value);
    },
    roll: (request) => of(request).touch(),
  };
}
