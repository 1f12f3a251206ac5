import type { ExecutionContext } from '@nestjs/common';
import { responseOf } from '../transports/request-of.js';

/** Sets a header of the response. Does nothing for handlers without an HTTP response. */
export function setHeader(context: ExecutionContext, name: string, value: string): void {
  responseOf(context)?.setHeader(name, value);
}

/** Sets `WWW-Authenticate`, which a 401 must have (RFC 9110 §11.6.1). */
export function challenge(context: ExecutionContext, value: string): void {
  setHeader(context, 'WWW-Authenticate', value);
}
