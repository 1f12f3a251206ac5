import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { sessionOf } from './session.context.js';
import { loginRequired, sessionEvicted } from './session.exceptions.js';
import { policyOf } from './session.metadata.js';
import type { SessionSettings } from './session.settings.js';
import { challenge } from './challenge.js';
import { SESSION_SETTINGS } from './tokens.js';

/** Lets a logged-in session pass; anybody else is answered 401. Spares handlers marked `@Public()`. */
@Injectable()
export class LoginGuard implements CanActivate {
  readonly #tellEvicted: boolean;

  constructor(@Inject(SESSION_SETTINGS) settings: SessionSettings) {
    this.#tellEvicted = settings.tellEvicted;
  }

  canActivate(context: ExecutionContext): boolean {
    if (policyOf(context).public) return true;
    const current = sessionOf(context);
    if (current?.session.loggedIn) return true;
    challenge(context, 'Session');
    throw this.#tellEvicted && current?.unit.farewell === 'evicted' ? sessionEvicted() : loginRequired();
  }
}
