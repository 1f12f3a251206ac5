import { createHash } from 'node:crypto';
import { parseCookie } from 'cookie';
import type { MigrationSource, OldSession } from '../core/migration/source.js';
import { isText, must } from '../core/util/options.js';
import { unseal, type Unsealed } from './iron-seal.js';
import { checked, COMMON, isMap, type MapOld, type MigrationOptions } from './options.js';
import { sourceOf } from './source.js';

/** What `fromIronSession()` takes. */
export interface IronSessionOptions<Old extends object> extends MigrationOptions {
  /** As iron-session has it: a text, or texts by their ids. */
  password: string | Readonly<Record<string, string>>;
  /** As iron-session has it. */
  cookieName: string;
  /** What comes over of what the cookie holds. */
  map: MapOld<Old>;
}

/** By how much iron-session lets clocks differ, in milliseconds. */
const SKEW = 60_000;

/** Since version 8 what an application stores is the whole; before, it was in `persistent`. */
const VERSION = '2';

/**
 * Sessions of iron-session come over. They are in the cookie alone, so nothing can end them at the server; it is
 * remembered which cookie came over. One that never expires (`ttl: 0`) comes over only where `until` is given.
 *
 * @throws SessionError `ERR_OPTIONS`
 */
export function fromIronSession<Old extends object = Record<string, unknown>>(
  options: IronSessionOptions<Old>,
): MigrationSource {
  checked<IronSessionOptions<Old>>('fromIronSession()', options, {
    ...COMMON,
    password: must(
      (value) => passwordsOf(value).length > 0 && passwordsOf(value).every((one) => String(one).length >= 32),
      'what iron-session has: a text of at least 32 characters, or texts by their ids.',
    ),
    cookieName: isText,
    map: isMap,
  });
  const { password, cookieName, map, until } = options;
  const passwords = typeof password === 'string' ? { 1: password } : password;
  return sourceOf(
    {
      name: 'iron-session',
      cookies: [cookieName],
      find({ headers }) {
        const value = parseCookie(headers.cookie ?? '')[cookieName];
        if (!value) return undefined;
        const [seal, version] = value.split('~');
        const unsealed = unseal(seal!, passwords);
        if (!unsealed) return 'refused';
        const old = contentOf(unsealed, version) as Old | undefined;
        if (!old) return undefined;
        return {
          key: createHash('sha256').update(seal!).digest('base64url'),
          load: (now): OldSession | undefined => {
            const expiresAt = unsealed.expiresAt === undefined ? undefined : unsealed.expiresAt + SKEW;
            const live = expiresAt === undefined ? until !== undefined : now < expiresAt;
            return live ? { login: () => map(old), expiresAt } : undefined;
          },
        };
      },
    },
    options,
  );
}

const passwordsOf = (value: unknown): unknown[] =>
  typeof value === 'string' ? [value] : Object.values(value ?? {});

function contentOf({ value }: Unsealed, version: string | undefined): object | undefined {
  const content = version === VERSION ? value : (value as { persistent?: unknown } | null)?.persistent;
  return typeof content === 'object' && content !== null ? content : undefined;
}
