import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../core/util/errors.js';
import { cookieKeys } from '../../core/token/signer.js';
import type { FrameworkRequest } from '../../http/request-facts.js';
import { isCrossOrigin, isUnsafe } from '../../http/csrf.js';
import { currentSession, sessionOf, storage, type RequestSession } from '../request/request-session.js';
import { isHttp, isKnown, isMutation, requestOf, type HandlerRequest } from '../transports/request-of.js';
import { crossOriginRefused } from '../request/session.exceptions.js';
import { policyOf, type HandlerPolicy } from '../request/session.metadata.js';
import type { SessionSettings } from '../options/session.settings.js';
import { SESSION_SETTINGS } from '../options/tokens.js';

/**
 * Installed by the module, so it comes before every handler. Refuses a request whose session could not be asked for, and
 * CSRF: unsafe requests that a browser makes on behalf of another site, login included, mutations of GraphQL, and any
 * request to a logout. To one that passes it declares what the handler's decorators say of activity and caching.
 */
@Injectable()
export class SessionGuard implements CanActivate {
  readonly #settings: SessionSettings;
  readonly #signingKeys: ReadonlySet<unknown>;

  constructor(@Inject(SESSION_SETTINGS) settings: SessionSettings) {
    this.#settings = settings;
    this.#signingKeys = new Set(cookieKeys(settings.secrets.reveal(), settings.engine.cookie.name));
  }

  canActivate(context: ExecutionContext): boolean {
    // A message broker's handler, say. Within a request of HTTP it would go unchecked, so that it is refused.
    if (!isKnown(context) && !currentSession()) return true;
    const request = requestOf(context);
    if (request) this.#assertOwnSecretFirst(request.raw ?? request);
    // Asked for first: a request that is to be refused for its session gets no further than this.
    const current = sessionOf(context);
    const policy = policyOf(context);
    if (this.#isForged(context, policy, current, request)) {
      // The same request from the application's own pages is answered otherwise.
      current?.vary('Sec-Fetch-Site, Origin');
      throw crossOriginRefused();
    }
    current?.declare(policy);
    if (current && this.#settings.context) restore(current);
    return true;
  }

  /** Whether a browser makes this request on behalf of another site, and the handler is one to be kept from that. */
  #isForged(
    context: ExecutionContext,
    policy: HandlerPolicy,
    current: RequestSession | undefined,
    request: HandlerRequest | undefined,
  ): boolean {
    // What is no handler of HTTP may have been given a request of another make, such as one of the fetch API.
    const asked = isHttp(context) ? request : (current?.request ?? request);
    if (!asked || this.#settings.crossOrigin === 'allow') return false;
    if (!current && !isUpgrade(context, asked)) return false;
    if (policy.allowCrossOrigin || !(policy.logout || changesThings(context, asked))) return false;
    const host = request?.host ?? (asked as HandlerRequest).host ?? asked.headers.host;
    return isCrossOrigin(asked.headers, host, this.#settings.allowedOrigins);
  }

  /** What the application signs with a key of ours would pass for a predecessor of anybody's session, and end it. */
  #assertOwnSecretFirst({ secret }: ParsedRequest): void {
    if (secret === undefined || !this.#signingKeys.has(secret)) return;
    throw new SessionError(
      'ERR_OPTIONS',
      'cookieParser(): its first secret, with which it signs, is one of cookieKeys(). Put your own secret first: cookieParser([own, ...cookieKeys(secret)]).',
    );
  }
}

/**
 * Middleware that goes on from an event of the socket, such as a parser of uploads, leaves the context that the request
 * entered by.
 */
function restore(current: RequestSession): void {
  if (storage.getStore() !== current) storage.enterWith(current);
}

/** Whether the handler may change something, as far as the request tells. A browser may open a socket for any site. */
function changesThings(context: ExecutionContext, request: HandlerRequest): boolean {
  return isUnsafe(request.method) || isMutation(context) || isUpgrade(context, request);
}

const isUpgrade = (context: ExecutionContext, request: HandlerRequest): boolean =>
  !isHttp(context) && request.headers.upgrade !== undefined;

/** cookie-parser leaves there what it signs with. */
type ParsedRequest = FrameworkRequest & { secret?: unknown };
