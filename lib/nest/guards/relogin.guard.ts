import { Inject, Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { Session } from '../../core/session.js';
import { acrValues, reloginChallenge } from '../../http/headers/challenges.js';
import { challenge } from './challenge.js';
import { LoginGuard } from './login.guard.js';
import { PageRedirect } from './page-redirect.js';
import { isExempt } from './without-session.js';
import { reloginRequired } from '../request/session.exceptions.js';
import { ASKS_FOR, policyOf, type Asked, type HandlerPolicy } from '../request/session.metadata.js';
import type { SessionSettings } from '../options/session.settings.js';
import { SESSION_SETTINGS } from '../options/tokens.js';
import { decided } from '../transports/adapters.js';
import { isActivity, sessionOf } from '../transports/session-of.js';

/** A login within the last `within` milliseconds, by `factor`, or by any factor if it is `undefined`. */
export interface ReloginWindow {
  /** Milliseconds. */
  within: number;
  /** An RFC 8176 `amr` value. */
  factor: string | undefined;
}

/** Details of a request that {@link ReloginGuard} rejects. */
export interface ReloginRefusal {
  /** The maximum age of the login, in seconds. */
  maxAge: number;
  /** The factor that is asked for, as in the challenge; `undefined` if any will do. */
  acrValues: string | undefined;
  /** With 303, the header `Location` is the URL of the re-login page. */
  status: 401 | 303;
}

/**
 * Accepts sessions whose user authenticated within the window. Otherwise the client must authenticate again: a page
 * is redirected to `relogin.url` (303), an API receives the challenge of RFC 9470 §3 (401), both with
 * `ERR_RELOGIN_REQUIRED`. {@link LoginGuard}, or the provider that the application puts in its place, checks first
 * whether there is a login at all. Designed to be extended: override the `protected` methods.
 */
@Injectable()
export class ReloginGuard implements CanActivate {
  /** @internal */
  static readonly [ASKS_FOR]: Asked = 'relogin';

  readonly #settings: SessionSettings;
  readonly #login: LoginGuard;
  readonly #page: PageRedirect;
  readonly #container: ModulesContainer | undefined;

  /** A guard that extends this one needs no constructor of its own. */
  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Inject(LoginGuard) login: LoginGuard,
    @Optional() @Inject(ModulesContainer) container?: ModulesContainer,
  ) {
    this.#settings = settings;
    this.#login = login;
    this.#page = new PageRedirect('relogin.url', settings.relogin.url);
    this.#container = container;
  }

  /**
   * True for a request that may pass; otherwise it throws.
   *
   * @throws SessionHttpException 401 or 303, and 503 if the session could not be loaded
   * @throws SessionError `ERR_NO_SESSION` as {@link LoginGuard}
   */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return decided(context, () => this.#decide(context));
  }

  #decide(context: ExecutionContext): boolean | Promise<boolean> {
    const policy = policyOf(context);
    if (policy.spared.relogin) return true;
    if (!sessionOf(context) && isExempt(context, 'relogin', this.#container)) return true;
    const admitted = this.#login.canActivate(context);
    return typeof admitted === 'boolean'
      ? admitted && this.#isRecent(context, policy)
      : admitted.then((login) => login && this.#isRecent(context, policy));
  }

  #isRecent(context: ExecutionContext, policy: HandlerPolicy): boolean | Promise<boolean> {
    const current = sessionOf(context);
    const window = this.windowOf(context);
    if (current && this.isFresh(current.session, window, context)) return true;
    if (!current?.reload) return this.#refuse(context, policy, window);
    // The client may have logged in again a moment ago, on another node.
    return current
      .reload()
      .then(() => this.isFresh(current.session, window, context) || this.#refuse(context, policy, window));
  }

  /** The window of a handler. Default: the arguments of `@Relogin()`, and for the time the option `relogin.within`. */
  protected windowOf(context: ExecutionContext): ReloginWindow {
    const { relogin } = policyOf(context);
    return { within: relogin?.within ?? this.#settings.relogin.within, factor: relogin?.factor };
  }

  /** Whether the user authenticated within the window. */
  protected isFresh(
    session: Session,
    { within, factor }: ReloginWindow,
    _context: ExecutionContext,
  ): boolean {
    return session.isFresh(within, factor);
  }

  /** Throws the exception for a rejected request. `WWW-Authenticate` and, with 303, `Location` have been set before. */
  protected throwReloginRequired(_context: ExecutionContext, refusal: ReloginRefusal): never {
    throw reloginRequired(refusal);
  }

  #refuse(context: ExecutionContext, policy: HandlerPolicy, window: ReloginWindow): never {
    const maxAge = Math.floor(window.within / 1000);
    const value = reloginChallenge(maxAge, window.factor);
    sessionOf(context)?.deny(isActivity(context, policy), value);
    challenge(context, value);
    return this.throwReloginRequired(context, {
      maxAge,
      acrValues: acrValues(window.factor),
      status: this.#page.applies(context) ? 303 : 401,
    });
  }
}
