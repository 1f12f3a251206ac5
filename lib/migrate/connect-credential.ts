import type { OldCredential, OldSession } from '../core/migration/source.js';
import {
  called,
  sessionOf,
  type ConnectSession,
  type ConnectStoreLike,
} from '../core/storage/connect-calls.js';
import type { Lookups } from './complaints.js';
import type { MapOld } from './options.js';

/** How a library treats what it keeps in a store. */
export interface ConnectLibrary<Old> {
  store: ConnectStoreLike;
  map: MapOld<Old>;
  /** Whether the session goes on, so that each request to it counts as activity. */
  keepOld: boolean;
  /** Whether the library would accept the session that its store gave. */
  isLive(session: ConnectSession, now: number): boolean;
}

/** A session in a store of express-session or @fastify/session. */
export class ConnectCredential<Old> implements OldCredential {
  readonly key: string;
  readonly #library: ConnectLibrary<Old>;
  readonly #lookups: Lookups | undefined;

  /** @param lookups told whether the store has it, of a session that a request presents */
  constructor(sid: string, library: ConnectLibrary<Old>, lookups?: Lookups) {
    this.key = sid;
    this.#library = library;
    this.#lookups = lookups;
  }

  async load(now: number): Promise<OldSession | undefined> {
    const { store, map, keepOld, isLive } = this.#library;
    const session = await sessionOf(store, this.key);
    this.#lookups?.note(this.key, Boolean(session));
    if (!session || !isLive(session, now)) return undefined;
    if (keepOld) await this.#prolong(session, now);
    return { login: () => map(session as Old), values: { ...session } };
  }

  async end(): Promise<void> {
    await called((done) => this.#library.store.destroy(this.key, done));
  }

  /** Otherwise a user who meets new nodes only would be logged out of the old ones. */
  async #prolong(session: ConnectSession, now: number): Promise<void> {
    const { store } = this.#library;
    const { cookie } = session;
    const age = cookie?.originalMaxAge;
    const next = { ...session, cookie: age ? { ...cookie, expires: new Date(now + age) } : cookie };
    if (store.touch) await called((done) => store.touch!(this.key, next, done));
    // Writing all of it may undo what an old node writes at the same time, so it is done rarely.
    else if (age && new Date(cookie.expires ?? now).getTime() - now < age / 2)
      await called((done) => store.set(this.key, next, done));
  }
}
