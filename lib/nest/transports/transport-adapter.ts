import type { ServerResponse } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import type { SocketEntry } from '../sockets/socket-entry.js';
import type { FrameworkRequest } from '../../http/request-facts.js';
import type { HandlerSession } from '../request/handler-session.js';

/** The request that a handler receives: with Fastify a wrapper around the raw one. */
export type HandlerRequest = FrameworkRequest & { raw?: FrameworkRequest; host?: string };

/** How guards treat a handler that has no session. */
export type WithoutSession =
  /** As one whose client is not logged in. */
  | 'anonymous'
  /** As a mistake of the application, since no login of the client could change it. */
  | 'error'
  /** As `error` where the guard is bound to the handler or its class. Global guards let it pass: it is not about sessions. */
  | 'exempt';

/** Finds request and session in the contexts of one transport. The only place that knows the arguments of its handlers. */
export interface TransportAdapter {
  /** The request by which the handler was called. `undefined` if the arguments have none. */
  requestOf(context: ExecutionContext): HandlerRequest | undefined;

  /** @throws SessionError `ERR_NO_SESSION` if the arguments lead to several sessions */
  sessionOf(context: ExecutionContext): HandlerSession | undefined;

  /** The raw response, if the handler may set its headers. Both HTTP adapters send headers that are set on it. */
  responseOf(context: ExecutionContext): ServerResponse | undefined;

  /** The socket over which the handler is called, if it is a socket. */
  socketOf(context: ExecutionContext): SocketEntry | undefined;

  /** Whether the handler may change state. `request`: by which it was called, if that is known. */
  changesState(context: ExecutionContext, request: HandlerRequest | undefined): boolean;

  /** Whether the client called this handler itself, and it is not part of another one. */
  isEntry(context: ExecutionContext): boolean;

  withoutSession(context: ExecutionContext): WithoutSession;

  /** Why the handler has no session, and what to do about it. */
  remedy(context: ExecutionContext): string;

  /** What guards and decorators throw, in the form in which its client gets the code. */
  thrown(context: ExecutionContext, error: unknown): unknown;
}
