import { FakeClock } from 'nest-sessions/testing';
import { EventHub, type SessionEvent } from '../../../lib/core/events/events.js';
import type { SessionRecord } from '../../../lib/core/model/record.js';
import { EngineContext, type EngineConfig } from '../../../lib/core/request/engine-context.js';
import type { RequestState } from '../../../lib/core/request/request-state.js';
import type { SessionBackend } from '../../../lib/core/storage/backend.js';
import { NOW, unopened } from './request-states.js';
import { handle, token } from './snapshots.js';

export const LIMITS = { idle: 1_000, lifetime: 5_000 };
export const REMEMBER = { idle: 100_000, lifetime: 500_000 };

/** Its backend holds one session, and keeps a log of what it is given. */
export function contextWith(config: Partial<EngineConfig> = {}, cookieIsRecord = false) {
  const log: unknown[] = [];
  let stored: SessionRecord | undefined = recordOf({ subject: 'alice' });
  const backend = {
    cookieIsRecord,
    now: () => {
      log.push('time');
      return Promise.resolve(NOW + 70);
    },
    destroy: (...given: unknown[]) => {
      log.push(given);
      const ended = stored;
      stored = undefined;
      return Promise.resolve(ended);
    },
    publish: (event: SessionEvent) => log.push(event),
  } as unknown as SessionBackend;
  const events = new EventHub((error) => {
    throw error;
  });
  const all = { limits: LIMITS, rememberLimits: REMEMBER, grace: 60, clock: new FakeClock(NOW), ...config };
  return { context: new EngineContext(all as EngineConfig, backend, events), events, log };
}

export const recordOf = (change: Partial<SessionRecord>): SessionRecord => ({
  ...handle('opened').record,
  ...change,
});

export function liveWith(change: Partial<SessionRecord>, present = true): RequestState {
  const state = unopened();
  state.opened(token({ handle: { ...handle('opened'), record: recordOf(change) }, present }));
  return state;
}
