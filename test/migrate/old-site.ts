import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import cookieSession from 'cookie-session';
import session, { MemoryStore } from 'express-session';
import fastify from 'fastify';
import fastifyCookie from '@fastify/cookie';
import secureSession from '@fastify/secure-session';
import fastifySession from '@fastify/session';
import { getIronSession } from 'iron-session';
import {
  fromCookieSession,
  fromExpressSession,
  fromFastifySession,
  fromIronSession,
  fromSecureSession,
  type ConnectStoreLike,
  type MapOld,
  type MigrationOptions,
  type MigrationSource,
} from 'nest-sessions/migrate';

/** What the old applications keep. */
export interface Old {
  user?: string;
  at?: number;
  cart?: string[];
  secretNote?: string;
}

/** What of it comes over, unless a spec says otherwise. */
export const mapOld = (old: Old) =>
  old.user === undefined
    ? undefined
    : { subject: old.user, loggedInAt: old.at, ...(old.cart && { data: { cart: old.cart } }) };

export const OLD_SECRETS = ['the older secret of the other library', 'the newer secret of the other library'];

export interface SourceOptions extends MigrationOptions {
  map?: MapOld<Old>;
  /** Those that the source knows. */
  secrets?: readonly string[];
}

/** A running application of another library. */
export interface OldSite {
  readonly url: string;
  /** Its sessions, where they are in a store. */
  readonly store?: ConnectStoreLike;
  source(options?: SourceOptions): MigrationSource;
  /** Lets its sessions expire, where their time is kept in the store. */
  expire?(): void;
  close(): Promise<void>;
}

/** A library with its way to start an application. */
export interface OldLibrary {
  readonly name: string;
  /** Whether a session can be ended at the server. */
  readonly keepsInStore: boolean;
  start(secret?: string): Promise<OldSite>;
}

type Handle = Old & { destroy?: () => Promise<void> };

/** The routes of an old application: /login?user=&at=, /note, /look, /logout. */
async function answer(url: string, old: Handle): Promise<unknown> {
  const { pathname, searchParams } = new URL(url, 'http://old');
  switch (pathname) {
    case '/login':
      old.user = searchParams.get('user')!;
      if (searchParams.has('at')) old.at = Number(searchParams.get('at'));
      old.secretNote = 'not for the new application';
      return { ok: true };
    case '/cart':
      old.cart = ['apple'];
      return { ok: true };
    case '/logout':
      await old.destroy?.();
      return { ok: true };
    default:
      return { user: old.user ?? null };
  }
}

/** Runs a handler on Node's own server. */
async function serve(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server: Server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

type Middleware = (request: never, response: never, next: (error?: unknown) => void) => void;

/** As middleware of Connect, in front of the routes. */
const withMiddleware = (middleware: Middleware, destroy: (request: IncomingMessage) => Promise<void>) =>
  serve((request, response) => {
    middleware(request as never, response as never, (error) => {
      if (error) return void response.writeHead(500).end();
      const { session: old } = request as IncomingMessage & { session: Old };
      const handle = new Proxy(old, {
        get: (target, key) => (key === 'destroy' ? () => destroy(request) : Reflect.get(target, key)),
      });
      void answer(request.url!, handle).then((body) => response.end(JSON.stringify(body)));
    });
  });

type ExpressRequest = IncomingMessage & { session: session.Session };

/** express-session, over any store. */
export async function startExpressSession(
  store: session.Store = new MemoryStore(),
  secret: string = OLD_SECRETS[1]!,
  cookie: session.CookieOptions = { maxAge: 3_600_000 },
): Promise<OldSite> {
  const site = await withMiddleware(
    session({ secret, store, resave: false, saveUninitialized: false, cookie }) as Middleware,
    (request) => new Promise((done) => (request as ExpressRequest).session.destroy(() => done())),
  );
  return {
    ...site,
    store,
    expire: () => {
      const { sessions } = store as unknown as { sessions: Record<string, string> };
      for (const [sid, text] of Object.entries(sessions)) {
        const old = JSON.parse(text) as { cookie: object };
        sessions[sid] = JSON.stringify({ ...old, cookie: { ...old.cookie, expires: new Date(0) } });
      }
    },
    source: ({ map = mapOld, secrets = [secret], ...rest } = {}) =>
      fromExpressSession({ secret: secrets, store, map, ...rest }),
  };
}

export async function startFastifySession(
  secret: string = OLD_SECRETS[1]!,
  maxAge = 3_600_000,
): Promise<OldSite> {
  const store = new fastifySession.MemoryStore();
  const app = fastify();
  await app.register(fastifyCookie);
  await app.register(fastifySession, {
    secret,
    store,
    saveUninitialized: false,
    cookie: { secure: false, maxAge },
  });
  app.all('/*', async (request) => {
    const old = request.session as unknown as Handle;
    return answer(request.url, old);
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return {
    url,
    store,
    expire: () => {
      const { store: sessions } = store as unknown as { store: Map<string, { cookie: { expires: Date } }> };
      for (const old of sessions.values()) old.cookie.expires = new Date(0);
    },
    close: () => app.close(),
    source: ({ map = mapOld, secrets = [secret], ...rest } = {}) =>
      fromFastifySession({ secret: secrets, store, map, ...rest }),
  };
}

/** The end of the time in which cookies of cookie-session come over. */
export const COOKIES_UNTIL = Date.UTC(2040, 0, 1);

export async function startCookieSession(secret: string = OLD_SECRETS[1]!): Promise<OldSite> {
  const site = await withMiddleware(cookieSession({ keys: [secret] }) as Middleware, async (request) => {
    (request as IncomingMessage & { session: unknown }).session = null;
  });
  return {
    ...site,
    source: ({ map = mapOld, secrets = [secret], ...rest } = {}) =>
      fromCookieSession({ keys: secrets, map, until: COOKIES_UNTIL, ...rest }),
  };
}

export async function startIronSession(secret: string = OLD_SECRETS[1]!): Promise<OldSite> {
  const options = { password: secret, cookieName: 'iron', cookieOptions: { secure: false } };
  const site = await serve((request, response) => {
    void (async () => {
      const old = await getIronSession<Old>(request, response, options);
      const path = request.url!;
      const body = await answer(path, old as unknown as Handle);
      if (path.startsWith('/log') && !path.startsWith('/logout')) await old.save();
      if (path.startsWith('/cart')) await old.save();
      response.end(JSON.stringify(body));
    })();
  });
  return {
    ...site,
    source: ({ map = mapOld, secrets = [secret], ...rest } = {}) =>
      fromIronSession({
        password: Object.fromEntries(secrets.map((one, index) => [index + 1, one])),
        cookieName: 'iron',
        map,
        ...rest,
      }),
  };
}

/** Of 32 bytes. */
export const secureKey = (secret: string): Buffer => createHash('sha256').update(secret).digest();

export async function startSecureSession(secret: string = OLD_SECRETS[1]!): Promise<OldSite> {
  const app = fastify();
  await app.register(secureSession, { key: secureKey(secret), cookie: { path: '/' } });
  app.all('/*', async (request) => {
    const old = request.session as unknown as Handle & { delete(): void };
    const handle = new Proxy(old, {
      get: (target, key) => (key === 'destroy' ? async () => target.delete() : Reflect.get(target, key)),
    });
    return answer(request.url, handle);
  });
  return {
    url: await app.listen({ port: 0, host: '127.0.0.1' }),
    close: () => app.close(),
    source: ({ map = mapOld, secrets = [secret], ...rest } = {}) =>
      fromSecureSession({ key: secrets.map(secureKey), map, ...rest }),
  };
}

export const oldLibraries: readonly OldLibrary[] = [
  { name: 'express-session', keepsInStore: true, start: (secret) => startExpressSession(undefined, secret) },
  { name: '@fastify/session', keepsInStore: true, start: startFastifySession },
  { name: 'cookie-session', keepsInStore: false, start: startCookieSession },
  { name: 'iron-session', keepsInStore: false, start: startIronSession },
  { name: '@fastify/secure-session', keepsInStore: false, start: startSecureSession },
];
