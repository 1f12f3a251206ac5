import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { sessionOf } from '../request/request-session.js';
import { loginRequired, sessionEvicted } from '../request/session.exceptions.js';
import { ASKS_FOR, policyOf, type Asked } from '../request/session.metadata.js';
import type { SessionSettings } from '../options/session.settings.js';
import { challenge } from './challenge.js';
import { SESSION_SETTINGS } from '../options/tokens.js';

/** Lets a logged-in session pass; anybody else is answered 401. Spares handlers marked `@Public()`, unless it is
 * bound nearer than that: to the handler of a class that is. */
@Injectable()
export class LoginGuard implements CanActivate {
  /** @internal */
  static readonly [ASKS_FOR]: Asked = 'login';

  readonly #discloseEviction: boolean;

  constructor(@Inject(SESSION_SETTINGS) settings: SessionSettings) {
    this.#discloseEviction = settings.discloseEviction;
  }

  canActivate(context: ExecutionContext): boolean {
    if (policyOf(context).spared.login) return true;
    const current = sessionOf(context);
    if (current?.session.loggedIn) return true;
    challenge(context, 'Session');
    throw this.#discloseEviction && current?.state.rejectReason === 'evicted'
      ? sessionEvicted()
      : loginRequired();
  }
}
