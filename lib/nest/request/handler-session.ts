import type { RequestState } from '../../core/request/request-state.js';
import type { Session } from '../../core/session.js';
import type { FrameworkRequest } from '../../http/request-facts.js';
import type { HandlerPolicy } from './session.metadata.js';

/** The session that handlers, guards and decorators work with: that of a request, or of a socket for each of its messages. */
export interface HandlerSession {
  readonly state: RequestState;
  /** As the application sees it. */
  readonly session: Session;
  /** The user by the option `user`. @throws SessionHttpException 401 without one */
  readonly user: Promise<unknown>;
  /** Of a socket the request of its handshake. */
  readonly request: FrameworkRequest;
  /** Whether there is a response, and its head was sent or is held. */
  readonly begun: boolean;
  /** Whether the request is finished, or the socket closed. */
  readonly over: boolean;
  /** Adds request headers to `Vary`, where there is a response that can have it. */
  vary(headers: string): void;
  /** The response is that of several handlers, as with GraphQL: its status does not tell how each of them fared. */
  share?(): void;
  /** Applies the policy of a handler that the guards of this library admit. */
  declare(active: boolean, cacheable: boolean): void;
  /** The handler is rejected or has failed. */
  deny(active: boolean, challenge?: string): void;
  /** Stores what changed and does what is intended. */
  commit(success: boolean): void | Promise<void>;
  /** Rejects a request whose session could not be loaded. */
  refuse(policy: HandlerPolicy): void;
  /** Of a response: calls back when its head is about to be sent, and what the request changed is stored. */
  onBegin?(listener: (status: number) => void): void;
  /** Of a socket: brings the session up to date. */
  reload?(): Promise<void>;
  /** An error as the application gets it. */
  thrown(error: unknown): unknown;
}
