import { parseCookie } from 'cookie';
import type { MigrationSource } from '../core/migration/source.js';
import type { ConnectStoreLike } from '../core/storage/connect-calls.js';
import { Lookups } from './complaints.js';
import { ConnectCredential, type ConnectLibrary } from './connect-credential.js';
import {
  checked,
  COMMON,
  isConnectStore,
  isKeys,
  isMap,
  type MapOld,
  type MigrationOptions,
} from './options.js';
import { isText, optional } from '../core/util/options.js';
import { listed, unsigned, type Key } from './signed-value.js';
import { sourceOf } from './source.js';

/** What `fromExpressSession()` takes. */
export interface ExpressSessionOptions<Old extends object> extends MigrationOptions {
  /** As express-session has it: of several the first signs, all of them verify. */
  secret: Key | readonly Key[];
  /** The store of express-session: connect-redis, connect-pg-simple or any other. */
  store: ConnectStoreLike;
  /** What comes over of a session, which has `cookie` and what the application put into it. */
  map: MapOld<Old>;
  /** The option `name` of express-session. @default 'connect.sid' */
  cookieName?: string;
}

const PREFIX = 's:';

/**
 * Sessions of express-session come over.
 *
 * @throws SessionError `ERR_OPTIONS`
 * @example fromExpressSession({ secret, store, map: (old: { userId?: number }) => old.userId === undefined ? undefined : { subject: String(old.userId) } })
 */
export function fromExpressSession<Old extends object = Record<string, unknown>>(
  options: ExpressSessionOptions<Old>,
): MigrationSource {
  checked<ExpressSessionOptions<Old>>('fromExpressSession()', options, {
    ...COMMON,
    secret: isKeys(1),
    store: isConnectStore,
    map: isMap,
    cookieName: optional(isText),
  });
  const { store, map, keepOld = false, cookieName = 'connect.sid' } = options;
  const secrets = listed(options.secret);
  // Its stores keep only what is live: a store that extends a session may leave the time within it as it was.
  const library: ConnectLibrary<Old> = { store, map, keepOld, isLive: () => true };
  const lookups = new Lookups('express-session');
  const reopen = (sid: string): ConnectCredential<Old> => new ConnectCredential(sid, library);
  return sourceOf(
    {
      name: 'express-session',
      cookies: [cookieName],
      lookups,
      reopen,
      find({ headers }) {
        const value = parseCookie(headers.cookie ?? '')[cookieName];
        const sid = value?.startsWith(PREFIX) ? unsigned(value.slice(PREFIX.length), secrets) : undefined;
        if (sid === undefined) return value ? 'refused' : undefined;
        return new ConnectCredential(sid, library, lookups);
      },
    },
    options,
  );
}
