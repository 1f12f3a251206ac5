import type { SessionEvent } from 'nest-sessions';
import { mutant, without } from './mutant.js';

const NO_THROW = 'does not throw at publish, whether anybody listens or not';
const STOP = 'returns from subscribe how to stop';
const HEARS = 'lets another node hear what it publishes, every field of it';
const ITSELF = 'does not hear itself';
const STOPPED = 'hears nothing any more once it stopped';

type Break = Parameters<typeof mutant>[3];

const publishing =
  (change: (event: SessionEvent) => SessionEvent): Break =>
  (was) => ({ publish: (event) => was.publish(change(event)) });

export const telling = [
  mutant('publish', 'throws', NO_THROW, () => ({
    publish: () => {
      throw new Error('not connected');
    },
  })),
  mutant('publish', 'throws where an event has no subject', NO_THROW, (was) => ({
    publish: (event) => {
      if (event.subject === undefined) throw new Error('a subject is missing');
      was.publish(event);
    },
  })),
  mutant('publish', 'throws once the store is closed', NO_THROW, (was, store) => ({
    publish: (event) => {
      if (store.closed) throw new Error('The client is closed');
      was.publish(event);
    },
  })),
  mutant('subscribe', 'returns nothing', STOP, (was) => ({
    subscribe: (listener) => void was.subscribe(listener) as never,
  })),
  mutant('subscribe', 'returns a promise', STOP, (was) => ({
    subscribe: (listener) => Promise.resolve(was.subscribe(listener)) as never,
  })),
  mutant('subscribe', 'returns what throws when it is called', STOP, (was) => ({
    subscribe: (listener) => {
      was.subscribe(listener);
      return () => {
        throw new Error('not connected');
      };
    },
  })),
  mutant('publish', 'tells nobody', HEARS, () => ({ publish: () => undefined })),
  mutant('subscribe', 'hears nothing', HEARS, () => ({ subscribe: () => () => undefined })),
  mutant(
    'publish',
    'tells endings without their reason',
    HEARS,
    publishing((event) => without(event, 'reason' as never)),
  ),
  mutant(
    'publish',
    'tells endings without their subject',
    HEARS,
    publishing((event) => without(event, 'subject')),
  ),
  mutant(
    'publish',
    'tells the time of an ending in seconds',
    HEARS,
    publishing((event) => ({ ...event, at: Math.round(event.at / 1_000) })),
  ),
  mutant(
    'publish',
    'tells texts in ASCII',
    HEARS,
    publishing((event) => ({ ...event, subject: event.subject?.replaceAll(/[^ -~]/gu, '?') })),
  ),
  mutant('subscribe', 'hears what the node itself published', ITSELF, (was, store) => ({
    publish: (event) => {
      for (const { hear } of store.engine.listeners) hear(event);
    },
  })),
  mutant('subscribe', 'is not stopped', STOPPED, (was) => ({
    subscribe: (listener) => {
      was.subscribe(listener);
      return () => undefined;
    },
  })),
];
