import type { IncomingMessage } from 'node:http';
import { stringifySetCookie } from 'cookie';
import type { MigrationSource, OldCredential, OldSession } from '../core/migration/source.js';
import type { Awaitable } from '../core/storage/store.js';
import { Genuineness, type Lookups } from './complaints.js';
import type { MigrationOptions, OldCookie } from './options.js';

/** What a request presents: `refused` for a cookie of that name that none of the secrets made. */
export type Found = OldCredential | 'refused' | undefined;

/** What tells one library from another. */
interface Library {
  name: string;
  /** The cookies that are taken away in the end. The first one tells sources of one library apart. */
  cookies: readonly string[];
  ready?(): Promise<void>;
  /** Told by the credentials that `find` returns, of sessions in a store. */
  lookups?: Lookups;
  find(request: IncomingMessage): Awaitable<Found>;
  reopen?(key: string): OldCredential;
}

/** A source of old sessions, with the options that all have in common. */
export function sourceOf(
  { name, cookies, ready, lookups, find, reopen }: Library,
  options: MigrationOptions,
): MigrationSource {
  const { keepOld = false, until, when, cookie = {} } = options;
  const end = until === undefined ? undefined : Number(until);
  const genuineness = new Genuineness(name, cookies[0] ?? '');
  const limited = (old: OldCredential): OldCredential => (end === undefined ? old : new Limited(old, end));
  return {
    name,
    id: [name, ...cookies.slice(0, 1)].join(':'),
    keepOld,
    removals: cookies.map((one) => removal(one, cookie)),
    ready: async (warn) => {
      genuineness.warn = warn;
      if (lookups) lookups.warn = warn;
      await ready?.();
    },
    find: async (request) => {
      const old = (when?.(request) ?? true) ? await find(request) : undefined;
      if (old === undefined) return undefined;
      genuineness.note(old !== 'refused');
      return old === 'refused' ? undefined : limited(old);
    },
    ...(reopen && { reopen: (key: string) => limited(reopen(key)) }),
  };
}

/** A credential that counts until a certain time only. */
class Limited implements OldCredential {
  readonly key: string;
  readonly end: OldCredential['end'];
  readonly #old: OldCredential;
  readonly #until: number;

  constructor(old: OldCredential, until: number) {
    this.key = old.key;
    this.end = old.end?.bind(old);
    this.#old = old;
    this.#until = until;
  }

  async load(now: number): Promise<OldSession | undefined> {
    if (now >= this.#until) return undefined;
    const there = await this.#old.load(now);
    return (
      there && {
        ...there,
        login: () => there.login(),
        expiresAt: Math.min(there.expiresAt ?? Infinity, this.#until),
      }
    );
  }
}

/** A browser removes a cookie whose name, domain and path are the same. One with a prefix it only touches as `Secure`. */
const removal = (name: string, { path = '/', domain }: OldCookie): string =>
  stringifySetCookie({
    name,
    value: '',
    path,
    ...(domain !== undefined && { domain }),
    maxAge: 0,
    expires: new Date(0),
    httpOnly: true,
    secure: name.startsWith('__'),
  });
