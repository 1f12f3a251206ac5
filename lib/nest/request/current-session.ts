import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import type { HandlerSession } from './handler-session.js';
import type { RequestSession } from './request-session.js';

const REQUEST_SESSION = Symbol.for('nest-sessions/request-session');

type Carrier = { [REQUEST_SESSION]?: RequestSession };

/** @param session `undefined` to add only the property, for a session that is attached later */
export function attach(request: IncomingMessage, session: RequestSession | undefined): void {
  (request as Carrier)[REQUEST_SESSION] = session;
}

export function attached(request: IncomingMessage): RequestSession | undefined {
  return (request as Carrier)[REQUEST_SESSION];
}

// One storage for all copies of this module in the process.
const STORAGE = Symbol.for('nest-sessions/storage');
type Storage = AsyncLocalStorage<HandlerSession>;
const shared = globalThis as { [STORAGE]?: Storage };

export const storage: Storage = (shared[STORAGE] ??= new AsyncLocalStorage<HandlerSession>());

/**
 * The session of the current request or message, from the asynchronous context. A callback of a socket keeps the context of the
 * request that opened the socket, so a session whose request is finished is not returned.
 */
export function currentSession(): HandlerSession | undefined {
  const found = storage.getStore();
  return found?.over ? undefined : found;
}
