import type { ResolvedCookie } from '../../core/token/cookie.js';
import { destinationOf, isCrossOrigin, isUnsafe, type CsrfCheck } from '../../http/csrf.js';
import type { FrameworkRequest } from '../../http/request-facts.js';
import { transportOf } from '../../http/transport.js';

/** Whether a cookie that the response to a request sets reaches the client, as far as the request tells. */
export class CookieArrival {
  readonly #cookie: ResolvedCookie;
  readonly #csrf: CsrfCheck;

  constructor(cookie: ResolvedCookie, csrf: CsrfCheck) {
    this.#cookie = cookie;
    this.#csrf = csrf;
  }

  /**
   * Browsers drop a Secure cookie that comes over plain HTTP, and one with SameSite from another site's request, unless
   * that is a navigation of the whole tab (RFC 6265bis §5.7). A cross-site request that changes something is refused.
   */
  ofCookie(request: FrameworkRequest): boolean {
    if (this.#cookie.secure && transportOf(request) === 'plain') return false;
    const { headers, method } = request;
    const to = destinationOf(request);
    if (isUnsafe(method) && this.#csrf.rejects(headers, to)) return false;
    const site = headers['sec-fetch-site'];
    const crossSite =
      site === undefined ? isCrossOrigin(headers, to.host, [], to.tls) : site === 'cross-site';
    return !crossSite || this.#cookie.sameSite === 'none' || isNavigation(headers);
  }
}

const isNavigation = ({
  'sec-fetch-mode': mode,
  'sec-fetch-dest': dest,
}: FrameworkRequest['headers']): boolean => mode === 'navigate' && dest === 'document';
