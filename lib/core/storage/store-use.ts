import type { SessionEvent } from '../events/events.js';
import type { Limits } from '../model/policy.js';
import type { BackendContext } from './backend.js';
import { storeContextOf } from './store-context.js';
import type { Awaitable, CallReports, ExpiredSession, SessionStore } from './store.js';

/** One application's use of a store. */
export interface StoreUse {
  /** Closes the store if no other application uses it. Only the first call counts. */
  end(): Awaitable<void>;
}

type Expire = (session: ExpiredSession) => void;

// One registry for all copies of this module in the process.
const REGISTRY = Symbol.for('nest-sessions/store-uses');
const shared = globalThis as { [REGISTRY]?: WeakMap<SessionStore, Set<Expire>> };
const uses = (shared[REGISTRY] ??= new WeakMap());

/**
 * Binds a store for one application. Several applications of a process may use one store object: it is closed with the
 * last of them, and each is told which sessions expired, whichever of them bound the store last.
 */
export function useStore(store: SessionStore, context: BackendContext, health: CallReports): StoreUse {
  const users: Set<Expire> = uses.get(store) ?? new Set();
  uses.set(store, users);
  const user: Expire = (session) =>
    context.emit?.(expiredEvent(session, context.limitsOf(session), context.clock.now()));
  store.bind?.({
    ...storeContextOf(context, health),
    expired: (session) => {
      for (const expire of users) expire(session);
    },
  });
  users.add(user);
  return {
    end: () => (users.delete(user) && users.size === 0 ? store.close?.() : undefined),
  };
}

/** The limit that passed first, however late the record is found. */
function expiredEvent(
  { id, subject, startedAt, lastSeenAt }: ExpiredSession,
  { idle, lifetime }: Limits,
  at: number,
): SessionEvent {
  const reason = startedAt + lifetime <= lastSeenAt + idle ? 'lifetime' : 'idle';
  return { type: 'ended', id, at, reason, ...(subject !== undefined && { subject }) };
}
