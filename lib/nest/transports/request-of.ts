import type { ServerResponse } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../core/util/errors.js';
import type { FrameworkRequest } from '../../http/request-facts.js';

/** A request as a handler has it: with Fastify a wrapper around the raw one. */
export type HandlerRequest = FrameworkRequest & { raw?: FrameworkRequest; host?: string };

/** `req` of Apollo and Yoga, `request` of Mercurius and `extra.request` of a subscription by graphql-ws. */
interface GraphqlContext {
  req?: HandlerRequest;
  request?: HandlerRequest;
  extra?: { request?: HandlerRequest };
}

/**
 * The request of a handler, as far as its arguments tell: under GraphQL by the context that its drivers make.
 * Gateways and message handlers have none.
 *
 * @throws SessionError `ERR_NO_SESSION` for a transport that is not known
 */
export function requestOf(context: ExecutionContext): HandlerRequest | undefined {
  const transport = context.getType<string>();
  switch (transport) {
    case 'http':
      // `switchToHttp()` would make three functions for it, at each of several calls a request.
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
    `Handlers of the transport "${name}" have no session: it is known for http, graphql, ws and rpc. Take the session with SessionService.current.`,
  );

const KNOWN: ReadonlySet<string> = new Set(['http', 'graphql', 'ws', 'rpc']);

/** Whether {@link requestOf} knows the transport. Global guards see handlers of others too, a message broker's say. */
export const isKnown = (context: ExecutionContext): boolean => KNOWN.has(context.getType());

/** Whether the arguments of a handler are a request and its response. */
export const isHttp = (context: ExecutionContext): boolean => context.getType() === 'http';

/** The raw response of an HTTP handler: the one place that both adapters send headers from. */
export function responseOf(context: ExecutionContext): ServerResponse | undefined {
  if (!isHttp(context)) return undefined;
  const response = context.getArgByIndex<ServerResponse & { raw?: ServerResponse }>(1);
  return response.raw ?? response;
}

/** Whether a handler resolves a mutation of GraphQL, which some drivers take by GET as well. */
export function isMutation(context: ExecutionContext): boolean {
  if (context.getType<string>() !== 'graphql') return false;
  const info = context.getArgByIndex<{ operation?: { operation?: string } } | undefined>(3);
  return info?.operation?.operation === 'mutation';
}
