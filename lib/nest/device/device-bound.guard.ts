import {
  Inject,
  Injectable,
  Logger,
  Optional,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { SessionError } from '../../core/util/errors.js';
import { LoginGuard } from '../guards/login.guard.js';
import { isExempt } from '../guards/without-session.js';
import type { SessionSettings } from '../options/session.settings.js';
import { SESSION_SETTINGS } from '../options/tokens.js';
import { deviceRequired } from '../request/session.exceptions.js';
import { ASKS_FOR, policyOf, type Asked } from '../request/session.metadata.js';
import { decided } from '../transports/adapters.js';
import { isActivity, sessionOf } from '../transports/session-of.js';

const logger = new Logger('nest-sessions');
const warned = new WeakSet<SessionSettings>();

/** By application: each module that binds the guard has one of its own. */
function warnOnce(settings: SessionSettings): void {
  if (warned.has(settings)) return;
  warned.add(settings);
  logger.warn(
    'deviceBound is false, so no session is bound: handlers with @DeviceBound() respond with 403 ERR_DEVICE_REQUIRED to everybody who is logged in.',
  );
}

/**
 * Accepts requests of sessions that are bound to a device and prove it. {@link LoginGuard}, or the provider that the
 * application puts in its place, checks first whether there is a login; one without a device is rejected with
 * `ERR_DEVICE_REQUIRED` (403). Where it is global it lets the messages of microservices pass, which have no session, as
 * {@link LoginGuard} does.
 */
@Injectable()
export class DeviceBoundGuard implements CanActivate {
  /** @internal */
  static readonly [ASKS_FOR]: Asked = 'login';

  readonly #settings: SessionSettings;
  readonly #login: LoginGuard;
  readonly #container: ModulesContainer | undefined;

  /** @throws SessionError `ERR_OPTIONS` without the option `deviceBound`. With `false` every request is rejected. */
  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Inject(LoginGuard) login: LoginGuard,
    @Optional() @Inject(ModulesContainer) container?: ModulesContainer,
  ) {
    this.#login = login;
    this.#container = container;
    this.#settings = settings;
    if (settings.device || settings.deviceOff) return;
    throw new SessionError(
      'ERR_OPTIONS',
      'DeviceBoundGuard: without the option "deviceBound" of SessionModule no session is bound, and no request would pass. Set deviceBound: true, or drop @DeviceBound(). Where it is off on purpose, as in development, write deviceBound: false: then these handlers respond with 403.',
    );
  }

  /** @internal */
  onModuleInit(): void {
    if (this.#settings.deviceOff) warnOnce(this.#settings);
  }

  /**
   * True for a request that may pass; otherwise it throws.
   *
   * @throws SessionHttpException 403 for a session that is not bound or a request that does not prove it, 401 without a login,
   *   and 503 if the session could not be loaded
   * @throws SessionError `ERR_NO_SESSION` as {@link LoginGuard}
   */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return decided(context, () => this.#decide(context));
  }

  #decide(context: ExecutionContext): boolean | Promise<boolean> {
    const policy = policyOf(context);
    if (policy.spared.login) return true;
    const admitted = this.#login.canActivate(context);
    return typeof admitted === 'boolean'
      ? admitted && this.#isBound(context)
      : admitted.then((login) => login && this.#isBound(context));
  }

  #isBound(context: ExecutionContext): boolean {
    const current = sessionOf(context);
    if (current?.state.provesDevice) return true;
    if (!current && isExempt(context, 'login', this.#container)) return true;
    current?.deny(isActivity(context, policyOf(context)));
    throw deviceRequired();
  }
}
