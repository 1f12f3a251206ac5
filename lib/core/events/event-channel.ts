import type { StoreContext, StoreFinding } from '../storage/store.js';
import { examineChannel } from './arrival.js';
import { EventNotices } from './event-notices.js';
import { callSafely, type SessionEvent } from './events.js';
import type { NoticeTransport } from './notice-transport.js';

/** What is said of events that do not arrive. */
export const UNHEARD = {
  what: 'events between nodes',
  follows:
    'Nodes do not tell each other of sessions that ended, for audit logs and sockets; sessions end on every node all the same.',
} as const;

/** What failed: a notice that could not be published, or a listener that threw. */
export type ChannelFailure = 'publish' | 'listener';

/**
 * Session events between the nodes of an application, over a store's channel. Events are informational: the store alone
 * decides whether a session exists. Without keys to sign with, it neither publishes nor receives anything.
 */
export class EventChannel {
  readonly #notices: EventNotices;
  readonly #transport: NoticeTransport;
  readonly #onError: (failure: ChannelFailure, error: unknown) => void;
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  #stop: (() => void) | undefined;

  /** @param name of the channel; part of what is signed */
  constructor(
    name: string,
    transport: NoticeTransport,
    onError: (failure: ChannelFailure, error: unknown) => void,
  ) {
    this.#notices = new EventNotices(name);
    this.#transport = transport;
    this.#onError = onError;
  }

  bind(context: StoreContext): void {
    this.#notices.bind(context);
  }

  /** Not awaited and never throws: the session has ended, whether the other nodes receive the event or not. */
  publish(event: SessionEvent): void {
    const notice = this.#notices.write(event);
    if (notice !== undefined) void this.#send(notice);
  }

  /** Subscribes to the channel from the first listener to the last. */
  subscribe(listener: (event: SessionEvent) => void): () => void {
    if (!this.#notices.possible) return () => undefined;
    this.#listeners.add(listener);
    this.#stop ??= this.#transport.listen((notice) => this.#receive(notice));
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  /**
   * Whether messages arrive that this node sends. Other nodes ignore the message, which has a signature like any other.
   *
   * @param remedy where they do not
   */
  async examine(remedy: string): Promise<StoreFinding[]> {
    if (!this.#notices.possible) return [];
    const message = (): string => this.#notices.writeProbe();
    return [await examineChannel({ transport: this.#transport, message, ...UNHEARD, remedy })];
  }

  close(): void {
    this.#listeners.clear();
    this.#stop?.();
    this.#stop = undefined;
  }

  async #send(notice: string): Promise<void> {
    try {
      await this.#transport.send(notice);
    } catch (error) {
      this.#onError('publish', error);
    }
  }

  /** An error of a listener must not reach the driver, which would stop listening or end the process. */
  #receive(notice: string): void {
    const event = this.#notices.read(notice);
    if (!event) return;
    for (const listener of this.#listeners)
      callSafely(
        () => listener(event),
        (error) => this.#onError('listener', error),
      );
  }
}
