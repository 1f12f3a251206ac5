import type { ServerResponse } from 'node:http';
import type { RequestState } from '../../core/request/request-state.js';
import type { FrameworkRequest } from '../../http/request-facts.js';

/**
 * Whether a browser has to repeat this navigation to get its bound cookie renewed. Browsers renew it only for requests that a
 * page of the session's origin or the address bar initiates: a link on another site, in a mail say, arrives without it, and so
 * does a reload of that page. A page of our own that reloads itself is the initiator.
 *
 * There is no loop: the repeated request is `same-origin`.
 */
export function needsReload({ rejectReason }: RequestState, { method, headers }: FrameworkRequest): boolean {
  if (rejectReason !== 'unproved' || method !== 'GET') return false;
  const { 'sec-fetch-mode': mode, 'sec-fetch-site': site } = headers;
  return mode === 'navigate' && (site === 'cross-site' || site === 'same-site');
}

/** A 401, as the request has no session, with a page that reloads itself at once. It is not cached. */
export function sendReloadPage(state: RequestState, response: ServerResponse): void {
  state.access();
  response.writeHead(401, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(PAGE),
    'Cache-Control': 'no-store',
  });
  response.end(PAGE);
}

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0">
<title>One moment</title>
<p>One moment, please.</p>
</html>
`;
