import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { catchError, concatMap, type Observable } from 'rxjs';
import { responseOf } from '../transports/request-of.js';
import { sessionOf, type RequestSession } from './request-session.js';
import { asHttp } from './session.exceptions.js';
import { policyOf } from './session.metadata.js';

/**
 * Commits the session before the value of the handler goes on, so that a store that fails is an ordinary exception,
 * which the application's filters render. `@Logout()` binds it; otherwise it is bound where an application wants that:
 * to a handler, to a controller, or to all with `{ provide: APP_INTERCEPTOR, useExisting: SessionInterceptor }`. Without
 * it the response commits.
 *
 * Bound more than once it does the same: a logout is declared once more, and a second commit finds nothing to store.
 */
@Injectable()
export class SessionInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const current = sessionOf(context);
    if (!current) return next.handle();
    const { logout } = policyOf(context);
    // Here alone: all guards have let the request pass.
    if (logout) current.state.intendLogout(logout);
    return next.handle().pipe(
      concatMap(async (value: unknown) => {
        await commit(current, context);
        return value;
      }),
      catchError((cause: unknown) => {
        // A handler that failed is neither activity nor a logout, whatever the response says.
        current.state.withdraw();
        throw asHttp(cause);
      }),
    );
  }
}

async function commit(current: RequestSession, context: ExecutionContext): Promise<void> {
  try {
    await current.commit((responseOf(context)?.statusCode ?? 200) < 400);
  } catch (error) {
    // A handler that has begun to answer by itself cannot be answered for: its response tells of the failure.
    if (!current.begun) throw error;
  }
}
