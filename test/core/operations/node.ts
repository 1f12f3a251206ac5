import { sign } from 'cookie-signature';
import { SealedCookie } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { SessionEngine } from '../../../lib/core/engine.js';
import { EventHub, type SessionEvent } from '../../../lib/core/events/events.js';
import { SessionOperations } from '../../../lib/core/operations/operations.js';
import { EngineContext, type EngineConfig } from '../../../lib/core/request/engine-context.js';
import type { RequestState } from '../../../lib/core/request/request-state.js';
import type { Client, SessionBackend } from '../../../lib/core/storage/backend.js';
import { StoreBackend } from '../../../lib/core/storage/store-backend.js';
import { TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { SpyStore } from '../../support/spy-store.js';

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const LIMITS = { idle: HOUR, lifetime: 24 * HOUR };
export const REMEMBERED = { idle: 10 * 24 * HOUR, lifetime: 30 * 24 * HOUR };
export const GRACE = 10 * SECOND;
export const ROTATE_EVERY = 10 * MINUTE;
const COOKIE = 'session';
const SECRET = 'the secret of the operations, of 32 bytes or more';

/** A Cookie header with this token, in our form, by this secret or another. */
export const cookieWith = (token: string, secret = SECRET): string =>
  `${COOKIE}=${encodeURIComponent(new Signer([secret], COOKIE, TOKEN_LENGTH).sign(token))}`;

/** As versions before 0.2 signed the token of this cookie. */
export function legacyOf(cookie: string): string {
  const [id, secret] = tokenIn(cookie);
  return `${COOKIE}=${encodeURIComponent(`s:${sign(`${id}.${secret}`, SECRET)}`)}`;
}

/** The id and the secret in a cookie. */
export const tokenIn = (cookie: string): string[] =>
  decodeURIComponent(cookie.slice(COOKIE.length + 1))
    .slice('s:'.length)
    .split('.');

/** A node without an application: the engine over a memory store, or over sealed cookies, which some cannot revoke. */
export function node(
  over: Partial<EngineConfig> = {},
  kind: 'store' | 'sealed' | 'sealed without revocations' | 'sealed for each rotation' = 'store',
) {
  const clock = new FakeClock();
  const store = new SpyStore();
  const config: EngineConfig = {
    cookie: { name: COOKIE, path: '/', sameSite: 'lax', secure: true, partitioned: false },
    limits: LIMITS,
    rememberLimits: REMEMBERED,
    rollEvery: MINUTE,
    reloginWithin: 5 * MINUTE,
    reloadEvery: 10 * SECOND,
    rotateEvery: ROTATE_EVERY,
    grace: GRACE,
    onExceeded: 'evict-oldest',
    storeTimeout: 5 * SECOND,
    clock,
    ...over,
  };
  const context = {
    secrets: [SECRET],
    signer: new Signer([SECRET], COOKIE, TOKEN_LENGTH),
    cookieName: COOKIE,
    limitsOf: ({ remember }: { remember: boolean }) => (remember ? REMEMBERED : LIMITS),
    countsSessions: false,
    timeout: config.storeTimeout,
    clock,
    clockInjected: true,
    warn: () => undefined,
  };
  store.bind(context);
  const backend: SessionBackend =
    kind === 'store'
      ? new StoreBackend(store, context)
      : new SealedCookie({
          ...(kind === 'sealed without revocations' && { revocations: false }),
          enforceRotation: kind === 'sealed for each rotation',
        }).createBackend(context);
  const events = new EventHub((error) => {
    throw error;
  });
  const emitted: SessionEvent[] = [];
  events.listen((event) => emitted.push(event));
  const parts = new EngineContext(config, backend, events);
  const engine = new SessionEngine(config, backend, events);

  /** The Cookie header of the client after the response; empty once the cookie is taken away. */
  const cookieOf = (state: RequestState): string => engine.cookieOf(state)!.split(';')[0]!;

  const request = async (cookie?: string, client: Client = {}): Promise<RequestState> =>
    engine.open(cookie, client);

  /** The cookie of a user who has logged in by a request of its own, with this data. */
  async function loggedIn(subject = 'alice', data: Record<string, unknown> = {}): Promise<string> {
    const state = await request();
    await engine.login(state, subject);
    Object.assign(state.bag.proxy, data);
    await engine.commit(state, true);
    return cookieOf(state);
  }

  /** The cookie of a visitor with this data. */
  async function visitor(data: Record<string, unknown> = { cart: 1 }): Promise<string> {
    const state = await request();
    Object.assign(state.bag.proxy, data);
    await engine.commit(state, true);
    return cookieOf(state);
  }

  /** Another request, which does this and succeeds. */
  async function another(cookie: string, work: (state: RequestState) => unknown): Promise<RequestState> {
    const state = await request(cookie);
    await work(state);
    await engine.commit(state, true);
    return state;
  }

  /** The events since the last call, by their types, with the reason where there is one. */
  const told = (): string[] =>
    emitted
      .splice(0)
      .map((event) => ('reason' in event ? `${event.type} ${String(event.reason)}` : event.type));

  /** Forgets what has been emitted and asked so far. */
  function forget(): void {
    emitted.length = 0;
    store.forget();
  }

  return {
    clock,
    store,
    backend,
    engine,
    /** The operations alone, which do not wait for one another. */
    operations: new SessionOperations(parts),
    context: parts,
    emitted,
    told,
    forget,
    request,
    another,
    loggedIn,
    visitor,
    cookieOf,
  };
}

/** Runs this once, before the first write of this kind. */
export function before(store: SpyStore, write: string, work: () => Promise<unknown>): void {
  store.gate = async (question) => {
    if (question !== write) return;
    store.gate = undefined;
    await work();
  };
}

export const coded = (code: string): Error => expect.objectContaining({ code }) as Error;
