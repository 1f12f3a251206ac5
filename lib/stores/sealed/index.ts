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
import { keySetsComplaint, ScsFormat, type ScsCompression, type ScsKeySet } from './formats/rfc6896.js';
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

/** What a `liu` cookie is bound to: the hash of the client's certificate, or a text that the application derives from a request. */
export type CookieBinding =
  'client-certificate' | ((request: IncomingMessage | undefined) => string | undefined);

/** What `SealedCookie` takes. */
export interface SealedCookieOptions {
  /**
   * The list of revoked cookies. `false` for none: then a copied cookie is valid until it expires, also after logout,
   * which only removes the cookie from the browser that logs out; and `revoke()`, `revokeAll()` and
   * `logout({ everywhere: true })` throw `ERR_REVOCATION_UNAVAILABLE`.
   * @default new MemoryRevocations(), for a single node
   */
  revocations?: RevocationList | false;
  /**
   * `sealed` is the library's own format; `scs` is RFC 6896; `liu` is the Secure Cookie Protocol of Liu, Kovacs, Huang
   * and Gouda, in which the subject is readable. `scs` and `liu` are for compatibility.
   * @default 'sealed'
   */
  format?: 'sealed' | 'scs' | 'liu';
  /**
   * Lists the sessions of each subject; required for `list()` and `maxSessions`. Any store for sessions; it holds them
   * without their data. Written at login, roll and end; an unchanged request does not query it.
   * @default none: `list()` throws `ERR_LIST_UNAVAILABLE`
   */
  index?: SessionStore;
  /**
   * Whether a periodic rotation (`rotateEvery`) voids the cookies before it, which takes one entry of the list for each
   * active session. By default only a re-login or regenerate does; a periodic rotation sets a new cookie, and the former
   * ones stay valid. With `true` a former cookie opens the session for `rotateGrace` and no longer, so a client that
   * misses the response and retries later has to log in again. @default false
   */
  enforceRotation?: boolean;
  /** With `scs`: DEFLATE before encryption. The length of the cookie then reveals something about the content. @default false */
  compress?: ScsCompression;
  /**
   * With `scs`: key sets shared with another implementation, each with a tid of its own. The first seals, all of them
   * open. @default derived from the secrets
   */
  keySets?: readonly ScsKeySet[];
  /**
   * With `liu`: the S of the protocol. A cookie opens only for a request with the same text. The key of the device is none
   * of these: `deviceBound` of the module binds the cookies of every format to it. @default none
   */
  bindTo?: CookieBinding;
}

/**
 * Sessions in the cookie itself, encrypted and authenticated, that can still be ended: a request queries no store, and
 * a cookie that was copied before logout is invalid after it.
 *
 * Limits of a cookie: of two overlapping requests that change the session both succeed, and the response that arrives
 * last decides; and an older cookie of a live session opens it with the older data.
 *
 * @example SessionModule.forRoot({ secret, store: new SealedCookie({ revocations: new RedisRevocations({ client }) }) })
 */
export class SealedCookie implements SessionBackendFactory {
  readonly #options: SealedCookieOptions;

  /** @throws SessionError `ERR_OPTIONS` for unknown or invalid options, and for options that contradict each other */
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

/** SHA-256 of the client's certificate, whose key the client proved in the TLS handshake. */
function certificateOf({ request }: Client): string | undefined {
  const socket = request?.socket as Partial<TLSSocket> | undefined;
  // The certificate need not be signed by a trusted CA: the binding needs only the proof of its key.
  return socket?.getPeerCertificate?.()?.fingerprint256;
}

const LIST_METHODS = ['bind', 'fresh', 'sync', 'check', 'revokedSince', 'revokedAt', 'add', 'close'] as const;

/** The ones that every store has. */
const STORE_METHODS = ['load', 'create', 'commit', 'destroy', 'list', 'markRevoked'] as const;

const CHECKS: OptionChecks<SealedCookieOptions> = {
  revocations: optional(
    must(
      (value) => value === false || hasMethods(value, ...LIST_METHODS),
      'a MemoryRevocations, RedisRevocations, PostgresRevocations or false.',
    ),
  ),
  format: optional(isOneOf('sealed', 'scs', 'liu')),
  index: optional(
    must((value) => hasMethods(value, ...STORE_METHODS), 'a store such as RedisStore, or nothing.'),
  ),
  enforceRotation: optional(isBoolean),
  compress: optional(
    must((value) => [false, 'deflate', 'zlib'].includes(value as string), "false, 'deflate' or 'zlib'."),
  ),
  keySets: optional(must((value) => Array.isArray(value), 'a list of key sets.')),
  bindTo: optional(
    must(
      (value) => value === 'client-certificate' || typeof value === 'function',
      "'client-certificate', or a function of the request that returns a text. For the key of the device set deviceBound: true of SessionModule.",
    ),
  ),
};

/** @throws SessionError `ERR_OPTIONS` */
function check(options: SealedCookieOptions): void {
  checkOptions('SealedCookie', options, CHECKS);
  const { format = 'sealed', revocations, keySets } = options;
  const aboutKeySets = keySets && keySetsComplaint(keySets);
  const complaint =
    (options.compress && format !== 'scs' && "compress: only the format 'scs' supports it. Drop it.") ||
    (keySets && format !== 'scs' && "keySets: only the format 'scs' uses them. Drop them.") ||
    (aboutKeySets && `keySets: ${aboutKeySets}`) ||
    (options.bindTo && format !== 'liu' && "bindTo: only the format 'liu' supports it. Drop it.") ||
    (options.enforceRotation &&
      revocations === false &&
      'enforceRotation: it needs a list of revocations. Drop it, or set "revocations".');
  if (complaint) throw wrongOption('SealedCookie', complaint);
}
