import { channel } from 'node:diagnostics_channel';
import type { EndReason, SessionEvent, StorePart } from '../events/events.js';
import type { RejectReason } from '../model/reject-reason.js';

/** Published when the cookie of a request has been looked at. A request without the cookie publishes nothing. */
export interface OpenedMessage {
  /** `live`, or why the cookie opens no session. With `unavailable` the store failed. */
  result: 'live' | 'unavailable' | RejectReason | EndReason;
}

/** Published when a commit found that another request had changed the session, so that it loads it again and retries. */
export interface ConflictMessage {
  /** The session's public id. */
  id: string;
}

/** Published when a call of the store, of the index of sealed cookies or of their revocation list has been answered. */
export interface StoreCallMessage {
  /** What was called. */
  part: StorePart;
  /** The method, such as `load` or `commit`. */
  operation: string;
  /** When it began, in milliseconds since the epoch. */
  startedAt: number;
  /** Milliseconds, with a fraction. */
  duration: number;
  /** Whether it was rejected. */
  failed: boolean;
}

/** A channel of `node:diagnostics_channel`. Without a subscriber nothing is published, and nothing is measured. */
export interface Channel<T> {
  readonly hasSubscribers: boolean;
  publish(message: T): void;
}

/** Each `SessionEvent`, as `SessionService.events` emits it. */
export const events: Channel<SessionEvent> = channel('nest-sessions:event');
export const opened: Channel<OpenedMessage> = channel('nest-sessions:opened');
export const conflicts: Channel<ConflictMessage> = channel('nest-sessions:conflict');
export const storeCalls: Channel<StoreCallMessage> = channel('nest-sessions:store-call');
