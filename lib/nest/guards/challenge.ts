import type { ExecutionContext } from '@nestjs/common';
import { responseOf } from '../transports/request-of.js';

/** A header of the response to come, where there is one. */
export function setHeader(context: ExecutionContext, name: string, value: string): void {
  responseOf(context)?.setHeader(name, value);
}

/** A 401 says how to authenticate (RFC 9110 §11.6.1). */
export function challenge(context: ExecutionContext, value: string): void {
  setHeader(context, 'WWW-Authenticate', value);
}
