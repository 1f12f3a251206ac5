import type { IncomingMessage } from 'node:http';
import { stringifySetCookie } from 'cookie';
import type { MigrationSource, OldCredential, OldSession } from '../core/migration/source.js';
import type { Awaitable } from '../core/storage/store.js';
import type { MigrationOptions, OldCookie } from './options.js';

/** What tells one library from another. */
interface Library {
  name: string;
  /** The cookies that are taken away in the end. The first one tells sources of one library apart. */
  cookies: readonly string[];
  ready?(): Promise<void>;
  find(request: IncomingMessage): Awaitable<OldCredential | undefined>;
  reopen?(key: string): OldCredential;
}

/** A source of old sessions, with the options that all have in common. */
export function sourceOf(
  { name, cookies, ready, find, reopen }: Library,
  options: MigrationOptions,
): MigrationSource {
  const { keepOld = false, until, when, cookie = {} } = options;
  const end = until === undefined ? undefined : Number(until);
  const limited = (old: OldCredential): OldCredential => (end === undefined ? old : new Limited(old, end));
  return {
    name,
    id: [name, ...cookies.slice(0, 1)].join(':'),
    keepOld,
    removals: cookies.map((one) => removal(one, cookie)),
    ...(ready && { ready }),
    find: async (request) => {
      const old = (when?.(request) ?? true) ? await find(request) : undefined;
      return old && limited(old);
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
