import type { ServerResponse } from 'node:http';
import type { RequestState } from '../../core/request/request-state.js';
import type { FrameworkRequest } from '../../http/request-facts.js';

/**
 * Whether a browser should send this request once more. It renews the bound cookie only for requests that a page of the
 * session's origin begins, or its user in the address bar. Who comes by a link of another site, from a mail say, comes without
 * it, and would do so again on a reload. What our own page begins is renewed first.
 *
 * No loop: the request that comes again is `same-origin`.
 */
export function comesAgain({ rejectReason }: RequestState, { method, headers }: FrameworkRequest): boolean {
  if (rejectReason !== 'unproved' || method !== 'GET') return false;
  const { 'sec-fetch-mode': mode, 'sec-fetch-site': site } = headers;
  return mode === 'navigate' && (site === 'cross-site' || site === 'same-site');
}

/** A 401, as the request has no session; not to be cached, and read only where nothing loads it again. */
export function askAgain(state: RequestState, response: ServerResponse): void {
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
