import type { ServerResponse } from 'node:http';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { afterCommit, type Gate } from './after-commit.js';
import { sessionOf, type RequestSession } from './request-session.js';
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
    const outcome = new Outcome(current, context);
    outcome.declare(policyOf(context));
    return afterCommit(next.handle(), outcome);
  }
}

/** What a handler comes to means to the session. */
class Outcome implements Gate {
  readonly #current: RequestSession;
  readonly #context: ExecutionContext;

  constructor(current: RequestSession, context: ExecutionContext) {
    this.#current = current;
    this.#context = context;
  }

  declare(policy: HandlerPolicy): void {
    const { state } = this.#current;
    state.countActivity(!policy.passive && !policy.logout);
    if (policy.logout) state.intendLogout(policy.logout);
    this.#current.cacheable = policy.cacheable;
  }

  commit(): void | Promise<void> {
    const done = this.#current.commit(statusOf(this.#context) < 400);
    return done?.catch((error: unknown) => {
      // A handler that has begun to answer by itself cannot be answered for: its response tells of the failure.
      if (!this.#current.begun) throw error;
    });
  }

  /** A handler that failed is neither activity nor a logout. */
  failed(cause: unknown): unknown {
    this.#current.state.withdraw();
    return asHttp(cause);
  }
}

function statusOf(context: ExecutionContext): number {
  return context.getType() === 'http' ? context.getArgByIndex<ServerResponse>(1).statusCode : 200;
}
