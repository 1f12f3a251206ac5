import { Logger, type ExecutionContext } from '@nestjs/common';
import { Complaint } from '../../core/util/complaint.js';
import { addVary } from '../../http/headers/cache-headers.js';
import { isUnsafe, safeNext } from '../../http/csrf.js';
import { isOnHost, wantsHtml, type FrameworkRequest } from '../../http/request-facts.js';
import { responseOf } from '../transports/adapters.js';

const logger = new Logger('nest-sessions');

/** Sends browsers to a page of the application, such as its login page, with the way back in `next`. */
export class PageRedirect {
  readonly #url: string | undefined;
  readonly #loop: Complaint;

  /** @param option the name of the option that gives the URL */
  constructor(option: 'login.url' | 'relogin.url', url: string | undefined) {
    this.#url = url;
    this.#loop = new Complaint(
      (message) => logger.error(message),
      () =>
        `${option}: the page ${url} itself is refused by the guard that leads to it. Mark its handler @Public().`,
    );
  }

  /** Whether the client is redirected. Sets `Vary` and, if so, `Location`. */
  applies(context: ExecutionContext): boolean {
    const url = this.#url;
    const response = responseOf(context);
    if (url === undefined || !response) return false;
    addVary(response, 'Accept');
    const request = context.getArgByIndex<FrameworkRequest>(0);
    if (!wantsHtml(request)) return false;
    if (pathOf(request.originalUrl ?? request.url) === pathOf(url)) {
      this.#loop.note();
      return false;
    }
    response.setHeader('Location', withNext(url, wayBack(request)));
    return true;
  }
}

function withNext(url: string, next: string): string {
  const [page = '', fragment] = url.split(/#(.*)/s);
  const separator = page.includes('?') ? '&' : '?';
  const hash = fragment === undefined ? '' : `#${fragment}`;
  return `${page}${separator}next=${encodeURIComponent(next)}${hash}`;
}

/** The page to return to after the login: this one, or the page that sent the form, since the form's body is lost. */
function wayBack(request: FrameworkRequest): string {
  if (!isUnsafe(request.method)) return safeNext(request.originalUrl ?? request.url);
  const { referer, 'sec-fetch-site': site } = request.headers;
  if (referer === undefined || !URL.canParse(referer)) return '/';
  const page = new URL(referer);
  // A browser knows it even where a proxy has written another host into the request.
  const own = site === 'same-origin' || isOnHost(page, request);
  return own ? safeNext(`${page.pathname}${page.search}`) : '/';
}

const BASE = 'http://same.invalid';

const pathOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url, BASE) ? new URL(url, BASE).pathname : undefined;
