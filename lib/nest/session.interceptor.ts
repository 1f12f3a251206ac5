import type { ServerResponse } from 'node:http';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { afterCommit } from './after-commit.js';
import { sessionOf, type RequestSession } from './session.context.js';
import { asHttp } from './session.exceptions.js';
import { policyOf, type HandlerPolicy } from './session.metadata.js';

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
    declare(current, policyOf(context));
    return afterCommit(
      next.handle(),
      () => current.commit(statusOf(context) < 400),
      (error) => {
        withdraw(current);
        return asHttp(error);
      },
    );
  }
}

function declare(current: RequestSession, policy: HandlerPolicy): void {
  current.unit.active = !policy.passive && !policy.logout;
  current.unit.intent = policy.logout;
  current.cacheable = policy.cacheable;
}

/** A handler that failed is neither activity nor a logout. */
function withdraw({ unit }: RequestSession): void {
  unit.active = false;
  unit.intent = undefined;
}

function statusOf(context: ExecutionContext): number {
  return context.getType() === 'http' ? context.switchToHttp().getResponse<ServerResponse>().statusCode : 200;
}
