import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { isFresh } from '../../core/model/policy.js';
import type { RequestState } from '../../core/request/request-state.js';
import { addVary } from '../../http/cache-headers.js';
import { wantsHtml, type FrameworkRequest } from '../../http/request-facts.js';
import { isUnsafe, safeNext } from '../../http/csrf.js';
import { challenge, rawResponse, setHeader } from './challenge.js';
import { LoginGuard } from './login.guard.js';
import { sessionOf } from '../request/request-session.js';
import { reloginRequired } from '../request/session.exceptions.js';
import { ASKS_FOR, policyOf, type Asked } from '../request/session.metadata.js';
import type { SessionSettings } from '../options/session.settings.js';
import { SESSION_SETTINGS } from '../options/tokens.js';

/**
 * Lets a session pass whose user proved themselves within the window. Otherwise the client is asked to
 * authenticate again: a page by a redirect to `relogin.url`, an API by the challenge of RFC 9470 §3.
 */
@Injectable()
export class ReloginGuard implements CanActivate {
  /** @internal */
  static readonly [ASKS_FOR]: Asked = 'relogin';

  readonly #settings: SessionSettings;
  readonly #login: LoginGuard;

  constructor(@Inject(SESSION_SETTINGS) settings: SessionSettings) {
    this.#settings = settings;
    this.#login = new LoginGuard(settings);
  }

  canActivate(context: ExecutionContext): boolean {
    const policy = policyOf(context);
    if (policy.spared.relogin) return true;
    this.#login.canActivate(context);
    const { within = this.#settings.relogin.within, factor } = policy.relogin ?? {};
    const { state } = sessionOf(context)!;
    if (isRecent(state, within, factor)) return true;
    throw this.#ask(context, within);
  }

  #ask(context: ExecutionContext, within: number): Error {
    const { url } = this.#settings.relogin;
    const maxAge = Math.floor(within / 1000);
    challenge(
      context,
      `Session error="insufficient_user_authentication", error_description="A more recent login is required", max_age="${maxAge}"`,
    );
    const request = context.getArgByIndex<FrameworkRequest>(0);
    if (url === undefined || context.getType() !== 'http') return reloginRequired(401, maxAge);
    addVary(rawResponse(context), 'Accept');
    if (!wantsHtml(request)) return reloginRequired(401, maxAge);
    setHeader(
      context,
      'Location',
      `${url}${url.includes('?') ? '&' : '?'}next=${encodeURIComponent(wayBack(request))}`,
    );
    return reloginRequired(303, maxAge);
  }
}

function isRecent(state: RequestState, within: number, factor: string | undefined): boolean {
  const { live } = state;
  if (!live || live.suspicious) return false;
  return isFresh(live.handle.record.factors, within, state.now(), factor);
}

/** Where to go after the re-login: this page, or the one that a form was sent from, since its body is lost. */
function wayBack(request: FrameworkRequest): string {
  if (!isUnsafe(request.method)) return safeNext(request.originalUrl ?? request.url);
  const { referer, host } = request.headers;
  if (referer === undefined || !URL.canParse(referer)) return '/';
  const page = new URL(referer);
  return page.host === host ? safeNext(`${page.pathname}${page.search}`) : '/';
}
