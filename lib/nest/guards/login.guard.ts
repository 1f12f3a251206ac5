import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Session } from '../../core/session.js';
import { sessionOf } from '../request/request-session.js';
import { loginRequired, sessionEvicted } from '../request/session.exceptions.js';
import { ASKS_FOR, policyOf, type Asked } from '../request/session.metadata.js';
import type { SessionSettings } from '../options/session.settings.js';
import { challenge } from './challenge.js';
import { SESSION_SETTINGS } from '../options/tokens.js';

/** What is known of a request that {@link LoginGuard} refuses. */
export interface LoginRefusal {
  /** The session made room for a login on another device, and the option `discloseEviction` lets the client know. */
  evicted: boolean;
}

/**
 * Lets a logged-in session pass; anybody else is answered 401. Spares handlers marked `@Public()`, unless it is
 * bound nearer than that: to the handler of a class that is. Made to be extended: what is `protected` may be overridden.
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

  /** Whether a session counts as logged in: by default one that has a subject. */
  protected isLoggedIn(session: Session, _context: ExecutionContext): boolean {
    return session.loggedIn;
  }

  /** The answer to anybody else. The header `WWW-Authenticate` is set by now. */
  protected throwLoginRequired(_context: ExecutionContext, { evicted }: LoginRefusal): never {
    throw evicted ? sessionEvicted() : loginRequired();
  }
}
