import { FakeClock } from 'nest-sessions/testing';
import type { DataHooks } from '../../../lib/core/model/data.js';
import { RequestState } from '../../../lib/core/request/request-state.js';
import type { Client, SessionHandle } from '../../../lib/core/storage/backend.js';
import type { Clock } from '../../../lib/core/util/clock.js';
import { handle, token } from './snapshots.js';

export const NOW = 1_000_000;

const HOOKS: DataHooks = {
  beforeChange: () => undefined,
  onCorrupt: (_key, cause) => {
    throw cause;
  },
  onDropped: () => undefined,
  parse: undefined,
};

/** Of a request that has presented nothing. */
export const unopened = (client: Client = {}, clock: Clock = new FakeClock(NOW)): RequestState =>
  new RequestState(clock, client, () => HOOKS);

/** @param data JSON text by key */
export function handleWith(id: string, data: Record<string, string>): SessionHandle {
  const plain = handle(id);
  return { ...plain, record: { ...plain.record, data } };
}

export const STORED = handleWith('opened', { a: '1', b: '2' });

/** The same session as another request has stored it. */
export const NEXT = handleWith('opened', { b: '3', c: '4' });
export const OTHER = handleWith('other', { d: '5' });

/** Of a request whose token opens {@link STORED}. */
export function live(): RequestState {
  const state = unopened();
  state.opened(token({ handle: STORED }));
  return state;
}

/** As {@link live}, where the application has changed `a`. */
export function changed(): RequestState {
  const state = live();
  state.bag.proxy['a'] = 'changed';
  return state;
}
