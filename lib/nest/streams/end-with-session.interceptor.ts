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
import { isGone } from '../../http/response/response-calls.js';
import { SESSION_ENGINE } from '../options/tokens.js';
import type { HandlerSession } from '../request/handler-session.js';
import { isHttp, responseOf } from '../transports/adapters.js';
import { noSession } from '../transports/no-session.js';
import { sessionOf } from '../transports/session-of.js';
import { ResponseWatch } from './response-watch.js';

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
      const watch = new ResponseWatch(this.#engine, current, (end) => {
        subscriber.next({ type: ENDED_EVENT, data: end });
        subscriber.complete();
      });
      onClosed(responseOf(context)!, () => watch.stop());
      return () => {
        events.unsubscribe();
        watch.stop();
      };
    });
  }

  /**
   * A response that is cut off is not complete to its client either. Where the request itself may have ended the session, as a logout
   * does, its response decides as it begins.
   */
  #endingResponse(
    current: HandlerSession,
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> {
    const response = responseOf(context)!;
    let begun = false;
    const watch = new ResponseWatch(this.#engine, current, () => {
      if (begun || !watch.changing) response.destroy();
    });
    current.onBegin?.((status) => {
      begun = true;
      if (watch.lost && status < 400) response.destroy();
    });
    onClosed(response, () => watch.stop());
    return next.handle();
  }
}

/** The client may have gone while the guards of the handler were asked. */
function onClosed(response: ServerResponse, listener: () => void): void {
  if (response.closed || isGone(response)) listener();
  else response.once('close', listener);
}
