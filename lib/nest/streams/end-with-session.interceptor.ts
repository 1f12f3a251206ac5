import type { ServerResponse } from 'node:http';
import {
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Observable } from 'rxjs';
import type { SessionEngine } from '../../core/engine.js';
import type { Attached } from '../../core/presence/attached.js';
import { SESSION_ENGINE } from '../options/tokens.js';
import type { HandlerSession } from '../request/handler-session.js';
import { endOf, type SessionEnd } from '../sockets/session-end.js';
import { isHttp, responseOf } from '../transports/adapters.js';
import { noSession } from '../transports/no-session.js';
import { sessionOf } from '../transports/session-of.js';

/** The metadata key of Nest's `@Sse()`. */
const SSE = '__sse__';

/** The type of the last event of a stream that ends with its session. */
export const ENDED_EVENT = 'session-ended';

/** Ends what a handler still sends when its session is over. `@EndWithSession()` binds it. */
@Injectable()
export class EndWithSessionInterceptor implements NestInterceptor {
  readonly #engine: SessionEngine;

  constructor(@Inject(SESSION_ENGINE) engine: SessionEngine) {
    this.#engine = engine;
  }

  /** Called by Nest. */
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    // Sockets end with their session in any case.
    if (!isHttp(context)) return next.handle();
    const current = sessionOf(context);
    if (!current) throw noSession(context, '@EndWithSession()');
    return Reflect.getMetadata(SSE, context.getHandler()) === true
      ? this.#endingStream(current, context, next)
      : this.#endingResponse(current, context, next);
  }

  /** The client of server-sent events gets a last one, and then the end of the stream. */
  #endingStream(current: HandlerSession, context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return new Observable((subscriber) => {
      const events = next.handle().subscribe(subscriber);
      const attached = this.#attach(current, (end) => {
        subscriber.next({ type: ENDED_EVENT, data: end });
        subscriber.complete();
      });
      onClosed(responseOf(context)!, () => attached?.detach());
      return () => {
        events.unsubscribe();
        attached?.detach();
      };
    });
  }

  /** A response that is cut off is not complete to its client either. */
  #endingResponse(
    current: HandlerSession,
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> {
    const response = responseOf(context)!;
    const attached = this.#attach(current, () => response.destroy());
    onClosed(response, () => attached?.detach());
    return next.handle();
  }

  /** The session was loaded when the request began; an end that was told since then is found by a look. */
  #attach({ state }: HandlerSession, close: (end: SessionEnd) => void): Attached | undefined {
    const attached = this.#engine.attachments.attach(state, (reason) => close(endOf(reason)));
    // An outage ends nothing.
    attached?.reload().catch(() => undefined);
    return attached;
  }
}

/** The client may have gone while the guards of the handler were asked. */
function onClosed(response: ServerResponse, listener: () => void): void {
  if (response.closed || response.destroyed) listener();
  else response.once('close', listener);
}
