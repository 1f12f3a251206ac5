import { Injectable } from '@nestjs/common';
import { SessionService, type SessionEvent } from 'nest-sessions';

/** The last events, for the page. */
@Injectable()
export class EventLog {
  readonly last: SessionEvent[] = [];

  constructor(sessions: SessionService) {
    sessions.events.subscribe((event) => {
      this.last.unshift(event);
      this.last.length = Math.min(this.last.length, 20);
    });
  }

  of(id: string): SessionEvent[] {
    return this.last.filter((event) => event.id === id);
  }
}
