import { createSecretKey } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import {
  checkOptions,
  hasMethods,
  isBoolean,
  isOneOf,
  must,
  optional,
  wrongOption,
  type OptionChecks,
} from '../../core/util/options.js';
import type {
  Client,
  SessionBackend,
  BackendContext,
  SessionBackendFactory,
} from '../../core/storage/backend.js';
import type { RevocationList } from '../../revocations/revocation-list.js';
import type { SessionStore } from '../../core/storage/store.js';
import { LiuFormat } from './formats/liu.js';
import { MemoryRevocations } from '../../revocations/memory.js';
import { ScsFormat, type ScsCompression, type ScsKeySet } from './formats/rfc6896.js';
import type { SealedCodec } from './formats/format.js';
import { SealedFormat } from './formats/sealed.js';
import { SealedBackend } from './backend.js';

export { MemoryRevocations } from '../../revocations/memory.js';
export type { ScsCompression, ScsKeySet } from './formats/rfc6896.js';
export type {
  Revocation,
  RevocationContext,
  RevocationList,
  SealedToken,
  SessionTerms,
  SubjectTerms,
  Verdict,
} from '../../revocations/revocation-list.js';

/** What ties a `liu` cookie to its bearer: the hash of a client certificate, or what the application makes of a request. */
export type CookieBinding =
  'client-certificate' | ((request: IncomingMessage | undefined) => string | undefined);

export interface SealedCookieOptions {
  /**
   * Which cookies are dead although they have not expired. `false` does without: whoever copied a cookie then
   * uses it until it expires, logout or not; logout only takes the cookie from the browser that asked, and
   * what promises more (`revoke()`, `revokeAll()`, `logout({ everywhere: true })`) throws
   * `ERR_REVOCATION_UNAVAILABLE`. @default new MemoryRevocations(), for a single node
   */
  revocations?: RevocationList | false;
  /**
   * `sealed` is the library's own format; `scs` is RFC 6896; `liu` the Secure Cookie Protocol of Liu, Kovacs,
   * Huang and Gouda, which shows the subject to whoever sees the cookie. The last two are for compatibility.
   * @default 'sealed'
   */
  format?: 'sealed' | 'scs' | 'liu';
  /**
   * Keeps who is logged in where, for `list()` and `maxSessions`, which need it: a store as it is used for
   * sessions, without their data. Written at login, roll and end; an unchanged request does not ask it.
   * @default none: `list()` throws `ERR_LIST_UNAVAILABLE`
   */
  index?: SessionStore;
  /**
   * Whether a periodic rotation (`rotateEvery`) kills the cookies before it. Takes an entry of the list for each
   * active session; else only a re-login does that, and a periodic rotation makes a new cookie beside the old
   * ones. A cookie before the rotation opens the session for `rotateGrace` and no longer, so a client that lost the
   * answer and comes later has to log in again. @default false
   */
  enforceRotation?: boolean;
  /** With `scs`: DEFLATE before encryption. The length then tells something of what is inside. @default false */
  compress?: ScsCompression;
  /** With `scs`: key sets shared with another implementation, instead of ones that are derived from the secrets. The first seals. */
  keySets?: readonly ScsKeySet[];
  /** With `liu`: the S of the protocol. A cookie opens only where it gives the same text again. @default none */
  bindTo?: CookieBinding;
}

/**
 * Sessions in the cookie itself, encrypted and authenticated, that can nevertheless be ended: no store on the
 * path of a request, and a cookie that was copied before logout is dead after it.
 *
 * What a cookie alone cannot do: two overlapping requests that change the session both succeed, and the answer
 * that arrives last decides; and whoever presents an older cookie of a session that is alive sees the older data.
 *
 * @example SessionModule.forRoot({ secret, store: new SealedCookie({ revocations: new RedisRevocations({ client }) }) })
 */
export class SealedCookie implements SessionBackendFactory {
  readonly #options: SealedCookieOptions;

  /** @throws SessionError `ERR_OPTIONS` for options that contradict each other */
  constructor(options: SealedCookieOptions = {}) {
    check(options);
    const { revocations = new MemoryRevocations() } = options;
    this.#options = { ...options, revocations };
  }

  /** Called by the module. */
  createBackend(context: BackendContext): SessionBackend {
    const { revocations, index, enforceRotation = false, bindTo } = this.#options;
    const parts = {
      codec: codecOf(this.#options, context),
      list: revocations || undefined,
      index,
      enforceRotation,
      bindTo: bindTo && bindingOf(bindTo),
    };
    return new SealedBackend(parts, context);
  }
}

function codecOf({ format, compress, keySets }: SealedCookieOptions, context: BackendContext): SealedCodec {
  const { cookieName, secrets, limitsOf } = context;
  const ring = secrets.map((secret) => createSecretKey(Buffer.from(secret)));
  switch (format) {
    case 'scs': {
      const maxAge = Math.max(limitsOf({ remember: true }).idle, limitsOf({ remember: false }).idle);
      const sets = keySets ?? ScsFormat.keySets(ring, cookieName, compress);
      return new ScsFormat(sets, maxAge);
    }
    case 'liu':
      return new LiuFormat(LiuFormat.keys(ring, cookieName));
    default:
      return new SealedFormat(ring, cookieName);
  }
}

function bindingOf(bindTo: CookieBinding): (client: Client) => string | undefined {
  return bindTo === 'client-certificate' ? certificateOf : ({ request }) => bindTo(request);
}

/** SHA-256 of the certificate that the client proved to have, as Node writes it. */
function certificateOf({ request }: Client): string | undefined {
  const socket = request?.socket as Partial<TLSSocket> | undefined;
  // A certificate that nobody vouches for proves a key all the same, and S asks for no more.
  return socket?.getPeerCertificate?.()?.fingerprint256;
}

const CHECKS: OptionChecks<SealedCookieOptions> = {
  revocations: optional(
    must(
      (value) => value === false || hasMethods(value, 'check', 'add', 'bind'),
      'a MemoryRevocations, RedisRevocations, PostgresRevocations or false.',
    ),
  ),
  format: optional(isOneOf('sealed', 'scs', 'liu')),
  index: optional(must((value) => hasMethods(value, 'create'), 'a store such as RedisStore, or nothing.')),
  enforceRotation: optional(isBoolean),
  compress: optional(
    must((value) => [false, 'deflate', 'zlib'].includes(value as string), "false, 'deflate' or 'zlib'."),
  ),
  keySets: optional(must((value) => Array.isArray(value), 'a list of key sets.')),
  bindTo: optional(
    must(
      (value) => value === 'client-certificate' || typeof value === 'function',
      "'client-certificate', or a function of the request that returns a text.",
    ),
  ),
};

/** @throws SessionError `ERR_OPTIONS` */
function check(options: SealedCookieOptions): void {
  checkOptions('SealedCookie', options, CHECKS);
  const { format = 'sealed', revocations } = options;
  const complaint =
    (options.compress && format !== 'scs' && "compress: only the format 'scs' has it. Drop it.") ||
    (options.keySets && format !== 'scs' && "keySets: only the format 'scs' has them. Drop them.") ||
    (options.bindTo && format !== 'liu' && "bindTo: only the format 'liu' has a place for it. Drop it.") ||
    (options.enforceRotation &&
      revocations === false &&
      'enforceRotation: it needs a list of revocations. Drop it, or give one.');
  if (complaint) throw wrongOption('SealedCookie', complaint);
}
