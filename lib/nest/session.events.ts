import { Logger } from '@nestjs/common';
import { Observable, Subscriber, type Observer, type Subscription } from 'rxjs';
import { callSafely, traceOf, type EventHub, type SessionEvent } from '../core/events/events.js';

const logger = new Logger('nest-sessions');

const tell = (error: unknown): void =>
  logger.error('A subscriber of SessionService.events threw.', traceOf(error));

/**
 * The events as an Observable. A subscriber that throws, or rejects, is logged; without this rxjs would throw once
 * more from a timer, and end the process.
 */
export class SessionEvents extends Observable<SessionEvent> {
  constructor(hub: EventHub) {
    super((subscriber) => hub.listen((event) => subscriber.next(event)));
  }

  override subscribe(
    observerOrNext?: Partial<Observer<SessionEvent>> | ((event: SessionEvent) => void) | null,
    ...rest: unknown[]
  ): Subscription {
    // An operator subscribes with a Subscriber of its own, which hands errors on.
    if (!observerOrNext || observerOrNext instanceof Subscriber) {
      return super.subscribe(observerOrNext ?? undefined, ...(rest as []));
    }
    const observer = typeof observerOrNext === 'function' ? { next: observerOrNext } : observerOrNext;
    return super.subscribe({
      next: (event) => callSafely(() => observer.next?.(event), tell),
    });
  }
}
