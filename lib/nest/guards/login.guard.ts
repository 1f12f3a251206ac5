import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Session } from '../../core/session.js';
import { sessionOf } from '../request/request-session.js';
import { loginRequired, sessionEvicted } from '../request/session.exceptions.js';
import { ASKS_FOR, policyOf, type Asked } from '../request/session.metadata.js';
import type { SessionSettings } from '../options/session.settings.js';
import { challenge } from './challenge.js';
import { SESSION_SETTINGS } from '../options/tokens.js';

/** Details of a request that {@link LoginGuard} rejects. */
export interface LoginRefusal {
  /** A login on another device ended the session, and the option `discloseEviction` allows disclosing that. */
  evicted: boolean;
}

/**
 * Accepts requests of logged-in sessions and rejects all others with 401 and `ERR_LOGIN_REQUIRED`. Skips handlers marked
 * `@Public()`, unless the guard is bound at a nearer level (to a handler of a public class). Designed to be extended:
 * override the `protected` methods.
 */
@Injectable()
export class LoginGuard implements CanActivate {
  /** @internal */
  static readonly [ASKS_FOR]: Asked = 'login';

  readonly #discloseEviction: boolean;

  constructor(@Inject(SESSION_SETTINGS) settings: SessionSettings) {
    this.#discloseEviction = settings.discloseEviction;
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const policy = policyOf(context);
    if (policy.spared.login) return true;
    const current = sessionOf(context);
    if (current && this.isLoggedIn(current.session, context)) return true;
    current?.deny(policy);
    challenge(context, 'Session');
    const evicted = this.#discloseEviction && current?.state.rejectReason === 'evicted';
    this.throwLoginRequired(context, { evicted });
  }

  /** Whether a session counts as logged in. Default: whether it has a subject. */
  protected isLoggedIn(session: Session, _context: ExecutionContext): boolean {
    return session.loggedIn;
  }

  /** Throws the exception for a rejected request. The header `WWW-Authenticate` has been set before. */
  protected throwLoginRequired(_context: ExecutionContext, { evicted }: LoginRefusal): never {
    throw evicted ? sessionEvicted() : loginRequired();
  }
}
