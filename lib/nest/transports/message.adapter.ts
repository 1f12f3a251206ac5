import type { ExecutionContext } from '@nestjs/common';
import { entryOf } from '../sockets/socket-entry.js';
import { asWs } from '../sockets/ws.exception.js';
import type { HandlerSession } from '../request/handler-session.js';
import type { TransportAdapter } from './transport-adapter.js';

/** For handlers of messages that no client with a cookie sends. The asynchronous context is that of something else. */
export const rpcAdapter: TransportAdapter = {
  requestOf: () => undefined,
  sessionOf: () => undefined,
  responseOf: () => undefined,
  socketOf: () => undefined,
  changesState: () => false,
  isEntry: () => true,
  withoutSession: () => 'exempt',
  remedy: () =>
    'A message handler has no session. Send what it needs of the session, such as the subject, in the message.',
  thrown: (_, error) => error,
};

/**
 * For handlers of gateways. The asynchronous context is not consulted: it may be that of the request that opened the
 * connection, or sent the message.
 */
export const wsAdapter: TransportAdapter = {
  ...rpcAdapter,
  sessionOf: (context): HandlerSession | undefined => socketOf(context)?.session,
  socketOf,
  withoutSession: (context) => (socketOf(context) ? 'anonymous' : 'exempt'),
  remedy: () =>
    'This client of a gateway has no session, because its adapter tells nothing of the handshake, or SessionModule is not imported in the root module. Open it with SessionService.open(), with the headers of the handshake.',
  thrown: (_, error) => asWs(error),
};

function socketOf(context: ExecutionContext) {
  return entryOf(context.getArgByIndex<object | undefined>(0));
}
