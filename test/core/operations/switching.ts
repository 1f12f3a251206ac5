import type { IncomingMessage } from 'node:http';
import { MemoryStore } from 'nest-sessions';
import { SessionEngine } from '../../../lib/core/engine.js';
import { EventHub, type SessionEvent } from '../../../lib/core/events/events.js';
import { claimOf } from '../../../lib/core/migration/claim.js';
import type {
  MigratedLogin,
  MigrationSource,
  OldCredential,
  OldSession,
} from '../../../lib/core/migration/source.js';
import { EngineContext, type EngineConfig } from '../../../lib/core/request/engine-context.js';
import type { RequestState } from '../../../lib/core/request/request-state.js';
import type { Client } from '../../../lib/core/storage/backend.js';
import { StoreBackend } from '../../../lib/core/storage/store-backend.js';
import { TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { FakeClock } from '../../../lib/testing/fake-clock.js';

export const SECOND = 1_000;
export const HOUR = 3_600 * SECOND;
export const DAY = 24 * HOUR;
export const LIMITS = { idle: HOUR, lifetime: 24 * HOUR };
export const REMEMBERED = { idle: 10 * DAY, lifetime: 30 * DAY };
const COOKIE = 'session';
const SECRET = 'the secret of the operations, of 32 bytes or more';

/** Another library: its sessions are in a map, and a request names one in the header `old-<id>`. */
export class OldLibrary implements MigrationSource {
  readonly name: string;
  readonly id: string;
  readonly keepOld: boolean;
  readonly removals: readonly string[];
  readonly sessions = new Map<string, OldSession>();
  /** What was called. */
  readonly calls: string[] = [];
  /** What `end` does before it ends a session. */
  ending: () => Promise<void> = () => Promise.resolve();
  /** What `load` does before it responds. */
  loading: () => Promise<void> = () => Promise.resolve();

  constructor({ id = 'old', keepOld = false } = {}) {
    this.id = id;
    this.name = `the library ${id}`;
    this.keepOld = keepOld;
    this.removals = [`${id}=; Max-Age=0`];
  }

  /** A session of which `map` returns this. */
  add(key: string, login: MigratedLogin | undefined, rest: Omit<OldSession, 'login'> = {}): void {
    this.sessions.set(key, { login: () => login, ...rest });
  }

  claim(key: string) {
    return claimOf(this.id, key);
  }

  find({ headers }: IncomingMessage): OldCredential | undefined {
    this.calls.push('find');
    const key = headers[`old-${this.id}`];
    return typeof key === 'string' ? this.credential(key) : undefined;
  }

  credential(key: string): OldCredential {
    return {
      key,
      load: async () => {
        this.calls.push(`load ${key}`);
        await this.loading();
        return this.sessions.get(key);
      },
      end: async () => {
        this.calls.push(`end ${key}`);
        await this.ending();
        this.sessions.delete(key);
      },
    };
  }
}

/** A library that finds a session by its key alone. */
export class OldStore extends OldLibrary {
  reopen(key: string): OldCredential {
    return this.credential(key);
  }
}

/** A node over a memory store, to which sessions of other libraries come over. */
export function switching(sources: readonly MigrationSource[], over: Partial<EngineConfig> = {}) {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const failures: [string, unknown][] = [];
  const config: EngineConfig = {
    cookie: { name: COOKIE, path: '/', sameSite: 'lax', secure: true, partitioned: false },
    limits: LIMITS,
    rememberLimits: REMEMBERED,
    rollEvery: 60 * SECOND,
    reloginWithin: 300 * SECOND,
    reloadEvery: 10 * SECOND,
    rotateEvery: false,
    grace: 10 * SECOND,
    onExceeded: 'evict-oldest',
    storeTimeout: 5 * SECOND,
    clock,
    migrate: sources,
    onMapFailed: (...failure) => failures.push(failure),
    ...over,
  };
  const context = {
    secrets: [SECRET],
    signer: new Signer([SECRET], COOKIE, TOKEN_LENGTH),
    cookieName: COOKIE,
    limitsOf: () => LIMITS,
    countsSessions: false,
    loginsComeLate: 400 * DAY,
    timeout: config.storeTimeout,
    clock,
    clockInjected: true,
    warn: () => undefined,
  };
  store.bind(context);
  const backend = new StoreBackend(store, context);
  const events = new EventHub(() => undefined);
  const emitted: SessionEvent[] = [];
  events.listen((event) => emitted.push(event));
  const engine = new SessionEngine(config, backend, events);

  /** The state of a request with these credentials of other libraries, by the id of the library. */
  async function visit(
    old: Record<string, string>,
    { cookie = undefined as string | undefined, carries = true, ip = '192.0.2.1' } = {},
  ): Promise<RequestState> {
    const named = Object.entries(old).map(([id, key]) => [`old-${id}`, key]);
    const headers = { ...Object.fromEntries(named), ...(cookie !== undefined && { cookie }) };
    const client: Client = { request: { headers } as unknown as IncomingMessage, ip };
    const opened = await engine.open(cookie, client);
    return engine.takeOver(opened, client, () => carries);
  }

  /** The Cookie header of the client after the response. */
  function cookieOf(state: RequestState): string {
    return engine.cookieOf(state)!.split(';')[0]!;
  }

  /** The events so far by their types, with the reason where there is one. */
  const told = (): string[] =>
    emitted
      .splice(0)
      .map((event) => ('reason' in event ? `${event.type} ${String(event.reason)}` : event.type));

  return {
    clock,
    store,
    backend,
    engine,
    failures,
    emitted,
    told,
    visit,
    cookieOf,
    context: new EngineContext(config, backend, events),
  };
}

/** A node to which a session of the library has come over, and the Cookie header of its client. */
export async function beside(library: OldLibrary) {
  library.add('k', { subject: 'alice' });
  const node = switching([library]);
  const first = await node.visit({ old: 'k' });
  const cookie = node.cookieOf(first);
  // Its own cookie is presented, so that the old one opens it no longer.
  const state = await node.visit({ old: 'k' }, { cookie });
  await node.engine.commit(state, true);
  library.calls.length = 0;
  node.told();
  return { ...node, library, cookie, id: first.id };
}

/** Whose the session of a request is; `null` of a visitor's, `undefined` without one. */
export const subjectOf = (state: RequestState): string | null | undefined =>
  state.live && (state.live.handle.record.subject ?? null);
