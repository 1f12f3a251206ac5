import type { StorePart } from '../events/events.js';
import type { Awaitable, SessionStore } from '../storage/store.js';
import { storeCalls } from './channels.js';

/** Publishes how long a call takes, if there is a subscriber. */
export function observed<T>(part: StorePart, operation: string, call: () => Awaitable<T>): Awaitable<T> {
  if (!storeCalls.hasSubscribers) return call();
  const startedAt = Date.now();
  const began = performance.now();
  const publish = (failed: boolean): void =>
    storeCalls.publish({ part, operation, startedAt, duration: performance.now() - began, failed });
  let answer: Awaitable<T>;
  try {
    answer = call();
  } catch (error) {
    publish(true);
    throw error;
  }
  if (answer instanceof Promise)
    answer.then(
      () => publish(false),
      () => publish(true),
    );
  else publish(false);
  return answer;
}

/** The methods of a store that ask its server. */
const METHODS = [
  'load',
  'create',
  'commit',
  'destroy',
  'list',
  'markRevoked',
  'evict',
  'time',
  'ping',
] as const;

type Method = (...args: unknown[]) => Awaitable<unknown>;

/** What is called of a store while it is used. */
export type StoreOperations = Pick<SessionStore, (typeof METHODS)[number]>;

/** The same store for calls whose time is published. Optional methods are there if the store has them. */
export function observedStore(part: StorePart, store: SessionStore): StoreOperations {
  // Each is looked up when it is called, so that a spy which an application's test puts there is called, too.
  const methods = METHODS.filter((name) => store[name] !== undefined).map((name) => [
    name,
    (...args: unknown[]) => observed(part, name, () => Reflect.apply(store[name] as Method, store, args)),
  ]);
  // In each logged-in request: without an array of arguments.
  const load: SessionStore['load'] = (id) =>
    storeCalls.hasSubscribers ? observed(part, 'load', () => store.load(id)) : store.load(id);
  return { ...(Object.fromEntries(methods) as StoreOperations), load };
}
