import { Inject, Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import type { Session } from '../../core/session.js';
import { LOGIN_CHALLENGE } from '../../http/headers/challenges.js';
import { deviceRequired, loginRequired, sessionEvicted } from '../request/session.exceptions.js';
import { ASKS_FOR, policyOf, type Asked } from '../request/session.metadata.js';
import type { SessionSettings } from '../options/session.settings.js';
import { challenge } from './challenge.js';
import { PageRedirect } from './page-redirect.js';
import { providedGuard } from './provided-guard.js';
import { isExempt } from './without-session.js';
import { SESSION_SETTINGS } from '../options/tokens.js';
import { decided } from '../transports/adapters.js';
import { isActivity, sessionOf } from '../transports/session-of.js';

/** Details of a request that {@link LoginGuard} rejects. */
export interface LoginRefusal {
  /** A login on another device ended the session, and the option `discloseEviction` allows disclosing that. */
  evicted: boolean;
  /** With 303, the header `Location` is the URL of the login page. */
  status: 401 | 303;
}

/**
 * Accepts requests of logged-in sessions and rejects all others with `ERR_LOGIN_REQUIRED`: a page is redirected to
 * `login.url` (303) if that option is set, anything else receives 401. Skips handlers marked `@Public()`, unless the guard
 * is bound at a nearer level (to a handler of a public class). It guards the messages of gateways as
 * well. Where it is global it lets the messages of microservices pass, which have no session. Designed to be extended: override the `protected` methods.
 *
 * `@UseGuards(LoginGuard)` uses the provider that the controller's module has for `LoginGuard`, such as
 * `{ provide: LoginGuard, useClass: PageLoginGuard }`.
 */
@Injectable()
export class LoginGuard implements CanActivate {
  /** @internal */
  static readonly [ASKS_FOR]: Asked = 'login';

  readonly #discloseEviction: boolean;
  readonly #page: PageRedirect;
  readonly #modules: ModuleRef | undefined;
  readonly #container: ModulesContainer | undefined;
  /** What the application provides in place of this guard. */
  #substitute: LoginGuard | undefined;

  /** A guard that extends this one needs no constructor of its own. */
  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Optional() @Inject(ModuleRef) modules?: ModuleRef,
    @Optional() @Inject(ModulesContainer) container?: ModulesContainer,
  ) {
    this.#discloseEviction = settings.discloseEviction;
    this.#page = new PageRedirect('login.url', settings.login.url);
    this.#modules = modules;
    this.#container = container;
  }

  /** @internal */
  async onModuleInit(): Promise<void> {
    // A guard that extends this one is itself what the application asks for.
    if (!this.#modules || this.constructor !== LoginGuard) return;
    const provided = await providedGuard(LoginGuard, this.#modules);
    if (provided && provided.constructor !== LoginGuard) this.#substitute = provided;
  }

  /**
   * True for a request that may pass; otherwise it throws.
   *
   * @throws SessionHttpException 401, 503 if the session could not be loaded, and 403 `ERR_DEVICE_REQUIRED` for a session
   *   that is not bound where `deviceBound.require` is `'always'`
   * @throws SessionError `ERR_NO_SESSION` for a handler that cannot have a session, such as one of a microservice to
   *   which this guard is bound
   */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return decided(context, () => this.#decide(context));
  }

  #decide(context: ExecutionContext): boolean | Promise<boolean> {
    const policy = policyOf(context);
    if (policy.spared.login) return true;
    if (this.#substitute) return this.#substitute.canActivate(context);
    const current = sessionOf(context);
    if (!current && isExempt(context, 'login', this.#container)) return true;
    if (current && this.isLoggedIn(current.session, context)) return true;
    if (current?.state.rejectReason === 'unbound') {
      current.deny(isActivity(context, policy));
      throw deviceRequired();
    }
    current?.deny(isActivity(context, policy), LOGIN_CHALLENGE);
    challenge(context, LOGIN_CHALLENGE);
    const evicted = this.#discloseEviction && current?.state.rejectReason === 'evicted';
    this.throwLoginRequired(context, { evicted, status: this.#page.applies(context) ? 303 : 401 });
  }

  /** Whether a session counts as logged in. Default: whether it has a subject. */
  protected isLoggedIn(session: Session, _context: ExecutionContext): boolean {
    return session.loggedIn;
  }

  /** Throws the exception for a rejected request. `WWW-Authenticate` and, with 303, `Location` have been set before. */
  protected throwLoginRequired(_context: ExecutionContext, { evicted, status }: LoginRefusal): never {
    throw evicted ? sessionEvicted(status) : loginRequired(undefined, status);
  }
}
