import type { ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../core/util/errors.js';
import { adapterOf } from './adapters.js';

/** The error `ERR_NO_SESSION` for a handler without a session. @param what the decorator or guard that needs one */
export const noSession = (context: ExecutionContext, what: string): SessionError =>
  new SessionError('ERR_NO_SESSION', `${what}: ${adapterOf(context).remedy(context)}`);
