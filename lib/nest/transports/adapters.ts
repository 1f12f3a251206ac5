import type { ServerResponse } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../core/util/errors.js';
import { graphqlAdapter } from './graphql.adapter.js';
import { httpAdapter } from './http.adapter.js';
import { rpcAdapter, wsAdapter } from './message.adapter.js';
import type { TransportAdapter } from './transport-adapter.js';

const ADAPTERS: ReadonlyMap<string, TransportAdapter> = new Map([
  ['http', httpAdapter],
  ['graphql', graphqlAdapter],
  ['ws', wsAdapter],
  ['rpc', rpcAdapter],
]);

/** @throws SessionError `ERR_NO_SESSION` for a transport that has no adapter */
export function adapterOf(context: ExecutionContext): TransportAdapter {
  const transport = context.getType<string>();
  const adapter = ADAPTERS.get(transport);
  if (adapter) return adapter;
  throw new SessionError(
    'ERR_NO_SESSION',
    `Handlers of the transport "${transport}" have no session: supported are ${[...ADAPTERS.keys()].join(', ')}. Pass them what they need of a session, and where a guard is global mark them @Public().`,
  );
}

/** Whether {@link adapterOf} has one. Global guards run for other transports as well, such as a message broker. */
export const isSupported = (context: ExecutionContext): boolean => ADAPTERS.has(context.getType());

/** Whether the handler's arguments are an HTTP request and its response. */
export const isHttp = (context: ExecutionContext): boolean => context.getType() === 'http';

export const isGraphql = (context: ExecutionContext): boolean => context.getType<string>() === 'graphql';

/**
 * What a guard decides, with what it throws in the form in which the client gets the code.
 */
export function decided(
  context: ExecutionContext,
  decide: () => boolean | Promise<boolean>,
): boolean | Promise<boolean> {
  if (isHttp(context)) return decide();
  const rethrow = (error: unknown): never => {
    throw isSupported(context) ? adapterOf(context).thrown(context, error) : error;
  };
  try {
    const decision = decide();
    return typeof decision === 'boolean' ? decision : decision.catch(rethrow);
  } catch (error) {
    return rethrow(error);
  }
}

/** The raw response of an HTTP handler. */
export const responseOf = (context: ExecutionContext): ServerResponse | undefined =>
  adapterOf(context).responseOf(context);
