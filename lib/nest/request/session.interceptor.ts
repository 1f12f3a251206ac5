import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { catchError, concatMap, type Observable } from 'rxjs';
import { responseOf } from '../transports/request-of.js';
import { sessionOf, type RequestSession } from './request-session.js';
import { asHttp } from './session.exceptions.js';
import { policyOf } from './session.metadata.js';

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
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const current = sessionOf(context);
    if (!current) return next.handle();
    const { logout } = policyOf(context);
    // Declared here and not in a guard, because here all guards have accepted the request.
    if (logout) current.state.intendLogout(logout);
    return next.handle().pipe(
      concatMap(async (value: unknown) => {
        await commit(current, context);
        return value;
      }),
      catchError((cause: unknown) => {
        // A failed handler counts neither as activity nor as a logout, whatever the status of the response.
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
    // The handler has started the response itself, so an exception comes too late: the response hook reports the failure.
    if (!current.begun) throw error;
  }
}
