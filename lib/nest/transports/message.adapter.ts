import type { TransportAdapter } from './transport-adapter.js';

/**
 * For handlers of messages, which no HTTP request calls. The asynchronous context is not consulted: it may be that of
 * the request that opened the connection, or sent the message.
 */
const messageAdapter = (remedy: string): TransportAdapter => ({
  requestOf: () => undefined,
  sessionOf: () => undefined,
  responseOf: () => undefined,
  changesState: () => false,
  isEntry: () => true,
  withoutSession: () => 'exempt',
  remedy: () => remedy,
});

export const rpcAdapter = messageAdapter(
  'A message handler has no session. Send what it needs of the session, such as the subject, in the message.',
);

export const wsAdapter = messageAdapter(
  'A handler of a gateway has no session of its own. Use the one that SessionService.open() returned at the handshake.',
);
