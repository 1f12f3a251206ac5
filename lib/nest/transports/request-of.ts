import type { ServerResponse } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../core/util/errors.js';
import type { FrameworkRequest } from '../../http/request-facts.js';

/** The request that a handler receives: with Fastify a wrapper around the raw one. */
export type HandlerRequest = FrameworkRequest & { raw?: FrameworkRequest; host?: string };

/** Apollo and Yoga use `req`, Mercurius uses `request`, and a subscription with graphql-ws uses `extra.request`. */
interface GraphqlContext {
  req?: HandlerRequest;
  request?: HandlerRequest;
  extra?: { request?: HandlerRequest };
}

/**
 * The request in a handler's arguments; under GraphQL in the context that the driver makes. `undefined` for
 * gateways and message handlers.
 *
 * @throws SessionError `ERR_NO_SESSION` for an unknown transport
 */
export function requestOf(context: ExecutionContext): HandlerRequest | undefined {
  const transport = context.getType<string>();
  switch (transport) {
    case 'http':
      // `switchToHttp()` would create three functions at each of several calls per request.
      return context.getArgByIndex<HandlerRequest>(0);
    case 'graphql': {
      const given = context.getArgByIndex<GraphqlContext | undefined>(2);
      return given?.req ?? given?.request ?? given?.extra?.request;
    }
    case 'ws':
    case 'rpc':
      return undefined;
    default:
      throw unknownTransport(transport);
  }
}

const unknownTransport = (name: string): SessionError =>
  new SessionError(
    'ERR_NO_SESSION',
    `Handlers of the transport "${name}" have no session. Supported transports: http, graphql, ws and rpc. Use SessionService.current instead.`,
  );

const KNOWN: ReadonlySet<string> = new Set(['http', 'graphql', 'ws', 'rpc']);

/** Whether {@link requestOf} supports the transport. Global guards run for others as well, such as a message broker. */
export const isKnown = (context: ExecutionContext): boolean => KNOWN.has(context.getType());

/** Whether the handler's arguments are an HTTP request and its response. */
export const isHttp = (context: ExecutionContext): boolean => context.getType() === 'http';

/** The raw response of an HTTP handler. Both adapters send headers that are set on it. */
export function responseOf(context: ExecutionContext): ServerResponse | undefined {
  if (!isHttp(context)) return undefined;
  const response = context.getArgByIndex<ServerResponse & { raw?: ServerResponse }>(1);
  return response.raw ?? response;
}

/** Whether a handler resolves a GraphQL mutation. Needed because some drivers accept mutations by GET. */
export function isMutation(context: ExecutionContext): boolean {
  if (context.getType<string>() !== 'graphql') return false;
  const info = context.getArgByIndex<{ operation?: { operation?: string } } | undefined>(3);
  return info?.operation?.operation === 'mutation';
}
