import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { catchError, concatMap, finalize, tap, type Observable } from 'rxjs';
import { sessionEnded } from '../../core/util/errors.js';
import { isGraphql, isHttp, isSupported, responseOf } from '../transports/adapters.js';
import { noSession } from '../transports/no-session.js';
import { isActivity, sessionOf } from '../transports/session-of.js';
import type { HandlerSession } from './handler-session.js';
import { policyOf, type HandlerPolicy } from './session.metadata.js';

/**
 * Commits the session before the handler's value is passed on, so that a failure of the store is an ordinary exception
 * that the application's filters render. `@Logout()` binds it. An application can bind it to a handler, to a controller,
 * or globally with `{ provide: APP_INTERCEPTOR, useExisting: SessionInterceptor }`. Without it the session is committed
 * when the response is sent.
 *
 * Binding it more than once is harmless: a second commit finds nothing to store.
 */
@Injectable()
export class SessionInterceptor implements NestInterceptor {
  /** Called by Nest. */
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const policy = policyOf(context);
    // Bound globally, it is none of the business of a message broker, say.
    if (!isSupported(context) && !policy.logout) return next.handle();
    const current = sessionOf(context);
    if (!current) {
      // A logout that reports success while the session goes on is worse than one that fails.
      if (policy.logout) throw noSession(context, '@Logout()');
      return next.handle();
    }
    // Declared here and not in a guard, because here all guards have accepted the request. A handler of HTTP may respond by
    // itself; of several handlers of one request (GraphQL) only those that succeed count.
    const early = isHttp(context);
    const { losses } = current.state;
    if (early) declareLogout(current, policy);
    let settled = false;
    // A handler that failed or was abandoned counts neither as activity nor as a logout, whatever the response says.
    const withdraw = (): void => {
      if (settled) return;
      settled = true;
      if (early) current.state.withdraw();
      else current.deny(isActivity(context, policy));
    };
    return next.handle().pipe(
      concatMap(async (value: unknown) => {
        if (!early) declareLogout(current, policy);
        await commit(current, context);
        // Another resolver has found that the session ended. What this one may have changed is lost as well.
        if (isGraphql(context) && !policy.logout && current.state.losses !== losses) throw sessionEnded();
        return value;
      }),
      tap({ complete: () => (settled = true) }),
      catchError((cause: unknown) => {
        withdraw();
        throw current.thrown(cause);
      }),
      finalize(withdraw),
    );
  }
}

function declareLogout({ state }: HandlerSession, { logout }: HandlerPolicy): void {
  if (logout) state.intendLogout(logout);
}

async function commit(current: HandlerSession, context: ExecutionContext): Promise<void> {
  try {
    await current.commit((responseOf(context)?.statusCode ?? 200) < 400);
  } catch (error) {
    // The handler has started the response itself, so an exception comes too late: the response hook reports the failure.
    if (!current.begun) throw error;
  }
}
