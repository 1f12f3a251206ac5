import type { ExecutionContext } from '@nestjs/common';
import { responseOf } from '../transports/adapters.js';

/** Sets `WWW-Authenticate`, which a 401 must have (RFC 9110 §15.5.2). Does nothing for handlers without an HTTP response. */
export function challenge(context: ExecutionContext, value: string): void {
  responseOf(context)?.setHeader('WWW-Authenticate', value);
}
