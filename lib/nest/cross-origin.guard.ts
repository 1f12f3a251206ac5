import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { SessionError } from '../core/errors.js';
import { cookieKeys } from '../core/signer.js';
import { addVary } from '../http/cache-headers.js';
import type { FrameworkRequest } from '../http/request-facts.js';
import { isCrossOrigin, isUnsafe } from '../http/request-origin.js';
import { rawResponse } from './challenge.js';
import { sessionOf } from './session.context.js';
import { crossOriginRefused } from './session.exceptions.js';
import { policyOf } from './session.metadata.js';
import type { SessionSettings } from './session.settings.js';
import { SESSION_SETTINGS } from './tokens.js';

/**
 * Refuses unsafe requests that a browser makes on behalf of another site, login included, and any request
 * to a logout; and any request whose session could not be asked for. Installed by the module, so it comes
 * before every handler.
 */
@Injectable()
export class CrossOriginGuard implements CanActivate {
  readonly #settings: SessionSettings;
  readonly #signingKeys: ReadonlySet<unknown>;

  constructor(@Inject(SESSION_SETTINGS) settings: SessionSettings) {
    this.#settings = settings;
    this.#signingKeys = new Set(cookieKeys(settings.secrets, settings.engine.cookie.name));
  }

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() === 'http') this.#assertOwnSecretFirst(context.getArgByIndex<ParsedRequest>(0));
    // Asked for first: a request that is to be refused for its session gets no further than this.
    const current = sessionOf(context);
    if (!current || context.getType() !== 'http' || this.#settings.crossOrigin === 'allow') return true;
    const request = context.getArgByIndex<FrameworkRequest & { raw?: FrameworkRequest; host?: string }>(0);
    const policy = policyOf(context);
    if (policy.allowCrossOrigin || !(isUnsafe(request.method) || policy.logout)) return true;
    if (
      !isCrossOrigin(
        request.raw ?? request,
        request.host ?? request.headers.host,
        this.#settings.allowedOrigins,
      )
    )
      return true;
    // The same request from the application's own pages is answered otherwise.
    addVary(rawResponse(context), 'Sec-Fetch-Site, Origin');
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

/** cookie-parser leaves there what it signs with. */
type ParsedRequest = FrameworkRequest & { secret?: unknown };
