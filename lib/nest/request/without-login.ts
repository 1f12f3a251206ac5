import type { RequestState } from '../../core/request/request-state.js';
import { deviceRequired, loginRequired, type SessionHttpException } from './session.exceptions.js';

/**
 * Why a request without a login is rejected. Where every session has to be bound, another login does not help the client
 * whose session is not: it is told what is missing, and sent to no login page, from which it would come back as it went.
 */
export function withoutLogin(state: RequestState): SessionHttpException {
  if (state.rejectReason === 'unbound') return deviceRequired();
  state.askForLogin();
  return loginRequired();
}
