import { EventNotices } from '../../core/events/event-notices.js';
import type { SessionEvent } from '../../core/events/events.js';
import type { StoreContext } from '../../core/storage/store.js';
import type { Subscription, RedisAdapter } from './client.js';

/**
 * Tells other nodes of endings, and hears what they tell, over pub/sub. Nobody relies on it: the store decides.
 * Without keys to sign with it neither tells nor hears anything.
 */
export class RedisEvents {
  readonly #redis: RedisAdapter;
  readonly #channel: string;
  readonly #notices: EventNotices;
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  readonly #onError: (error: unknown) => void;
  #listening: Subscription | undefined;

  constructor(redis: RedisAdapter, prefix: string, onError: (error: unknown) => void) {
    this.#redis = redis;
    this.#channel = `${prefix}events`;
    this.#notices = new EventNotices(this.#channel);
    this.#onError = onError;
  }

  bind(context: StoreContext): void {
    this.#notices.bind(context);
  }

  publish(event: SessionEvent): void {
    const notice = this.#notices.write(event);
    if (notice === undefined) return;
    // Also what a driver throws at once is a rejection here.
    Promise.resolve()
      .then(() => this.#redis.send(undefined, 'PUBLISH', this.#channel, notice))
      .catch(this.#onError);
  }

  subscribe(listener: (event: SessionEvent) => void): () => void {
    if (!this.#notices.possible) return () => undefined;
    this.#listeners.add(listener);
    this.#listening ??= this.#redis.listen(this.#channel, (text) => this.#hear(text), this.#onError);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    this.#listening?.stop();
    this.#listening = undefined;
  }

  #hear(text: string): void {
    const event = this.#notices.read(text);
    if (!event) return;
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // What it throws would be the driver's, which then hears no more.
        this.#onError(error);
      }
    }
  }
}
