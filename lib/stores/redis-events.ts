import { randomUUID } from 'node:crypto';
import type { SessionEvent } from '../core/events.js';
import type { Listening, RedisPort } from './redis-client.js';

/** Tells other nodes of endings, and hears what they tell, over pub/sub. Nobody relies on it: the store decides. */
export class RedisEvents {
  readonly #port: RedisPort;
  readonly #channel: string;
  /** Which messages are our own. */
  readonly #node = randomUUID();
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  readonly #onError: (error: unknown) => void;
  #listening: Listening | undefined;

  constructor(port: RedisPort, prefix: string, onError: (error: unknown) => void) {
    this.#port = port;
    this.#channel = `${prefix}events`;
    this.#onError = onError;
  }

  publish(event: SessionEvent): void {
    const text = JSON.stringify({ node: this.#node, event });
    this.#port.send(undefined, 'PUBLISH', this.#channel, text).catch(this.#onError);
  }

  subscribe(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    this.#listening ??= this.#port.listen(this.#channel, (text) => this.#hear(text), this.#onError);
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
    const message = parsed(text);
    if (!message || message.node === this.#node) return;
    for (const listener of this.#listeners) listener(message.event);
  }
}

interface Message {
  node: string;
  event: SessionEvent;
}

/** Anybody may publish to a channel: what is not of our form is not for us. */
function parsed(text: string): Message | undefined {
  try {
    const { node, event } = JSON.parse(text) as Partial<Message>;
    const known = typeof node === 'string' && typeof event?.type === 'string' && typeof event.id === 'string';
    return known ? { node, event } : undefined;
  } catch {
    return undefined;
  }
}
