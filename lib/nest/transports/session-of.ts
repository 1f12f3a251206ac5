import type { ExecutionContext } from '@nestjs/common';
import type { HandlerSession } from '../request/handler-session.js';
import { policyOf, type HandlerPolicy } from '../request/session.metadata.js';
import { adapterOf } from './adapters.js';

/**
 * The session of a handler, of whatever transport. `undefined` if it has none, as on an excluded route.
 *
 * @throws SessionHttpException 503 if the session could not be loaded
 * @throws SessionError `ERR_NO_SESSION` for an unknown transport, and if it is not known whose session it is
 */
export function sessionOf(context: ExecutionContext): HandlerSession | undefined {
  const current = adapterOf(context).sessionOf(context);
  if (current?.state.refusal !== undefined) current.refuse(policyOf(context));
  return current;
}

/** Whether a call of the handler is activity of the user. */
export const isActivity = (context: ExecutionContext, { passive, logout }: HandlerPolicy): boolean =>
  !passive && !logout && adapterOf(context).isEntry(context);
