import type { ServerResponse } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';

type AnyResponse = ServerResponse & { raw?: ServerResponse };

/** A header of the response to come, on the raw response: the one place that both adapters send headers from. */
export function setHeader(context: ExecutionContext, name: string, value: string): void {
  if (context.getType() === 'http') rawResponse(context).setHeader(name, value);
}

export function rawResponse(context: ExecutionContext): ServerResponse {
  const response = context.getArgByIndex<AnyResponse>(1);
  return response.raw ?? response;
}

/** A 401 says how to authenticate (RFC 9110 §11.6.1). */
export function challenge(context: ExecutionContext, value: string): void {
  setHeader(context, 'WWW-Authenticate', value);
}
