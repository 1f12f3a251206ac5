import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../core/util/errors.js';
import { cookieKeys } from '../../core/token/signer.js';
import type { FrameworkRequest } from '../../http/request-facts.js';
import { isCrossOrigin, isUnsafe } from '../../http/csrf.js';
import { requestOf, sessionOf, type HandlerRequest } from '../request/request-session.js';
import { crossOriginRefused } from '../request/session.exceptions.js';
import { policyOf } from '../request/session.metadata.js';
import type { SessionSettings } from '../options/session.settings.js';
import { SESSION_SETTINGS } from '../options/tokens.js';

/**
 * Refuses unsafe requests that a browser makes on behalf of another site, login included, mutations of GraphQL, and any
 * request to a logout; and any request whose session could not be asked for. Installed by the module, so it comes
 * before every handler.
 */
@Injectable()
export class CrossOriginGuard implements CanActivate {
  readonly #settings: SessionSettings;
  readonly #signingKeys: ReadonlySet<unknown>;

  constructor(@Inject(SESSION_SETTINGS) settings: SessionSettings) {
    this.#settings = settings;
    this.#signingKeys = new Set(cookieKeys(settings.secrets.reveal(), settings.engine.cookie.name));
  }

  canActivate(context: ExecutionContext): boolean {
    const request = requestOf(context);
    if (request) this.#assertOwnSecretFirst(request.raw ?? request);
    // Asked for first: a request that is to be refused for its session gets no further than this.
    const current = sessionOf(context);
    // What is no handler of HTTP may have been given a request of another make, such as one of the fetch API.
    const asked: HandlerRequest | undefined =
      context.getType() === 'http' ? request : (current?.request ?? request);
    if (!asked || this.#settings.crossOrigin === 'allow') return true;
    if (!current && !isUpgrade(context, asked)) return true;
    const policy = policyOf(context);
    if (policy.allowCrossOrigin || !(policy.logout || changesThings(context, asked))) return true;
    if (
      !isCrossOrigin(
        asked.headers,
        request?.host ?? asked.host ?? asked.headers.host,
        this.#settings.allowedOrigins,
      )
    )
      return true;
    // The same request from the application's own pages is answered otherwise.
    current?.vary('Sec-Fetch-Site, Origin');
    throw crossOriginRefused();
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

/** Whether the handler may change something, as far as the request tells. A browser may open a socket for any site. */
function changesThings(context: ExecutionContext, request: HandlerRequest): boolean {
  return isUnsafe(request.method) || isMutation(context) || isUpgrade(context, request);
}

const isUpgrade = (context: ExecutionContext, request: HandlerRequest): boolean =>
  context.getType() !== 'http' && request.headers.upgrade !== undefined;

/** Some drivers take mutations by GET as well. */
function isMutation(context: ExecutionContext): boolean {
  if (context.getType<string>() !== 'graphql') return false;
  const info = context.getArgByIndex<{ operation?: { operation?: string } } | undefined>(3);
  return info?.operation?.operation === 'mutation';
}

/** cookie-parser leaves there what it signs with. */
type ParsedRequest = FrameworkRequest & { secret?: unknown };
