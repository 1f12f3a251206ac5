import type { ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../core/util/errors.js';
import { pathMissedBy } from '../routes/cookie-path.js';
import { requestOf } from './request-of.js';

/** What to do about it, by the kind of handler. */
const REMEDIES: Readonly<Record<string, string>> = {
  rpc: 'A message handler has no session. Send what it needs of the session, such as the subject, in the message.',
  ws: 'A handler of a gateway has no session of its own. Use the one that SessionService.open() returned at the handshake.',
};

const ROUTE =
  'This route has no session. Take it out of the option "exclude", or import SessionModule in the root module.';

/** The error `ERR_NO_SESSION` for a handler without a session. @param what the decorator that needs one */
export const noSession = (context: ExecutionContext, what: string): SessionError =>
  new SessionError(
    'ERR_NO_SESSION',
    `${what}: ${REMEDIES[context.getType<string>()] ?? routeRemedy(context)}`,
  );

function routeRemedy(context: ExecutionContext): string {
  const request = requestOf(context);
  const path = request && pathMissedBy(request.raw ?? request);
  return path === undefined
    ? ROUTE
    : `This route has no session, because it is outside of the path of the session cookie, '${path}', so browsers do not send it here. Move the route, or widen cookie.path.`;
}
