import { pathMissedBy } from '../routes/cookie-path.js';
import type { HandlerRequest } from './transport-adapter.js';

const ROUTE =
  'This route has no session. Take it out of the option "exclude", or import SessionModule in the root module.';

/** What to do about a request that has no session. */
export function routeRemedy(request: HandlerRequest): string {
  const path = pathMissedBy(request.raw ?? request);
  return path === undefined
    ? ROUTE
    : `This route has no session, because it is outside of the path of the session cookie, '${path}', so browsers do not send it here. Move the route, or widen cookie.path.`;
}
