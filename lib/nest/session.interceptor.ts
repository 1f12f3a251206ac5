import type { ServerResponse } from 'node:http';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { catchError, from, map, mergeMap, of, type Observable } from 'rxjs';
import { sessionOf, type RequestSession } from './session.context.js';
import { asHttp } from './session.exceptions.js';
import { policyOf } from './session.metadata.js';

/**
 * What only Nest knows of a request: whether it counts as activity, whether it is a logout, and whether
 * the handler succeeded. Intents are declared in memory, so that they hold for every way out; a value is
 * passed on when the session is stored, so that a failure is an ordinary exception.
 */
@Injectable()
export class SessionInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const current = sessionOf(context);
    if (!current) return next.handle();
    this.#declare(current, context);
    return next.handle().pipe(
      mergeMap((value) => this.#settle(current, context, value)),
      catchError((error: unknown) => {
        withdraw(current);
        throw asHttp(error);
      }),
    );
  }

  #declare({ unit }: RequestSession, context: ExecutionContext): void {
    const policy = policyOf(context);
    unit.active = !policy.passive && !policy.logout;
    unit.intent = policy.logout;
    const current = sessionOf(context)!;
    current.cacheable = policy.cacheable;
  }

  #settle(current: RequestSession, context: ExecutionContext, value: unknown): Observable<unknown> {
    const stored = current.commit(statusOf(context) < 400);
    return stored ? from(stored).pipe(map(() => value)) : of(value);
  }
}

/** A handler that failed is neither activity nor a logout. */
function withdraw({ unit }: RequestSession): void {
  unit.active = false;
  unit.intent = undefined;
}

function statusOf(context: ExecutionContext): number {
  return context.getType() === 'http' ? context.switchToHttp().getResponse<ServerResponse>().statusCode : 200;
}
