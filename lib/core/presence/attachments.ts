import type { EventHub, SessionEvent } from '../events/events.js';
import type { RequestState } from '../request/request-state.js';
import type { ClosingReason } from '../storage/backend.js';
import type { Attached, Closed, Watching } from './attached.js';
import { Opening } from './opening.js';
import { Queue } from './queue.js';
import { WatchedSession } from './watched-session.js';

/** How many sessions are loaded at the same time by the looks that nobody waits for. */
const CONCURRENT = 16;

/**
 * What is open by session: sockets, streams, responses that run. When a session ends, what belongs to it is closed: by the
 * event of its end, of this node or of another one; when its time is over; and, where an event was lost, by a look at the
 * store every so often.
 */
export class Attachments {
  readonly #watching: Watching;
  readonly #sessions = new Map<string, WatchedSession>();
  readonly #openings = new Set<Opening>();
  readonly #queue = new Queue(CONCURRENT);
  readonly #events: EventHub;
  #unlisten: (() => void) | undefined;
  #stopped = false;

  constructor(watching: Watching, events: EventHub) {
    this.#watching = watching;
    this.#events = events;
  }

  /** How many sessions have something open, and how much that is. */
  get size(): { sessions: number; attached: number } {
    const attached = [...this.#sessions.values()].reduce((sum, { size }) => sum + size, 0);
    return { sessions: this.#sessions.size, attached };
  }

  /** To be called before a session is loaded that something will be attached to: an `ended` event that arrives meanwhile counts. */
  begin(): Opening {
    this.#listen();
    const opening = new Opening((done) => this.#openings.delete(done));
    if (!this.#stopped) this.#openings.add(opening);
    return opening;
  }

  /**
   * Attaches something to the session of a state. Only a session that is stored can end: to any other one, nothing is attached.
   *
   * @param close called once, when the session is over; not after `detach()`
   * @param opening begun before the session was loaded
   */
  attach(state: RequestState, close: Closed, opening?: Opening): Attached | undefined {
    const id = state.live?.handle.record.id;
    const ended = id === undefined ? undefined : opening?.endOf(id);
    const uncertain = opening?.mayHaveEnded(state.live?.handle.record.subject);
    opening?.done();
    if (id === undefined || this.#stopped) return undefined;
    this.#listen();
    const session = this.#sessions.get(id) ?? this.#watch(id);
    const attached = session.add(state, close);
    if (ended) session.end(ended.reason);
    else if (uncertain) session.look();
    return attached;
  }

  #watch(id: string): WatchedSession {
    // An empty one calls back again when what it has closed is detached, and another one may have begun by then.
    const session: WatchedSession = new WatchedSession(this.#watching, this.#queue, () => {
      if (this.#sessions.get(id) === session) this.#sessions.delete(id);
    });
    this.#sessions.set(id, session);
    return session;
  }

  /** Nothing is watched any more. What is open stays open. */
  stop(): void {
    this.#stopped = true;
    this.#unlisten?.();
    this.#unlisten = undefined;
    for (const session of [...this.#sessions.values()]) session.stop();
    this.#openings.clear();
  }

  /** An application without anything that is open does not listen. */
  #listen(): void {
    if (!this.#stopped) this.#unlisten ??= this.#events.listen((event) => this.#receive(event));
  }

  #receive(event: SessionEvent): void {
    if (event.type === 'ended') {
      if (event.id === '') this.#endedOf(event.subject);
      else this.#ended(event.id, event.reason);
    }
    // On this node a re-login counts from the next message on.
    if (event.type === 'relogin' || event.type === 'regenerated') this.#sessions.get(event.id)?.outdate();
  }

  /** Without a list of a subject's sessions, the event does not say which of them ended. */
  #endedOf(subject: string | undefined): void {
    for (const opening of this.#openings) opening.endedOf(subject);
    for (const session of this.#sessions.values()) if (session.subject === subject) session.look();
  }

  #ended(id: string, reason: ClosingReason): void {
    for (const opening of this.#openings) opening.ended(id, reason);
    this.#sessions.get(id)?.end(reason);
  }
}
