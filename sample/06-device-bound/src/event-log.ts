import { Injectable } from '@nestjs/common';
import { SessionService, type SessionEvent } from 'nest-sessions';

/** What happened to one session. */
export interface History {
  /** The last events, the newest first. */
  readonly events: readonly SessionEvent[];
  /** When the browser signed for the last time, in milliseconds since the epoch. */
  readonly provedAt?: number;
}

const SHOWN = 20;

/** What happens to the sessions that are alive, for the page. */
@Injectable()
export class EventLog {
  readonly #histories = new Map<string, History>();

  constructor(sessions: SessionService) {
    sessions.events.subscribe((event) => this.#take(event));
  }

  of(id: string): History {
    return this.#histories.get(id) ?? { events: [] };
  }

  #take(event: SessionEvent): void {
    if (event.type === 'ended') {
      this.#histories.delete(event.id);
      return;
    }
    const { events, provedAt } = this.of(event.id);
    const proves = event.type === 'bound' || event.type === 'refreshed';
    this.#histories.set(event.id, {
      events: [event, ...events].slice(0, SHOWN),
      // Kept apart, because each request with a dead copy is an event, too.
      ...(proves ? { provedAt: event.at } : provedAt !== undefined && { provedAt }),
    });
  }
}
