import { Inject, Injectable, type CanActivate, type ExecutionContext, type Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { isGlobal } from '../guards/global-guards.js';
import { LoginGuard } from '../guards/login.guard.js';
import { ReloginGuard } from '../guards/relogin.guard.js';
import { ADDED, GUARDS } from '../request/session.metadata.js';
import { adapterOf } from '../transports/adapters.js';
import { gatewaysIn } from './gateway-policies.js';
import { MessageAdmission } from './message-admission.js';

/**
 * Does for the messages of gateways what the global guards of this library do, where they do not run: Nest 11 asks no global
 * guard before a message.
 */
@Injectable()
export class GatewayGuard implements CanActivate {
  readonly [ADDED] = true;
  readonly #admission: MessageAdmission;
  readonly #login: LoginGuard;
  readonly #relogin: ReloginGuard;
  readonly #modules: ModulesContainer;

  constructor(
    @Inject(MessageAdmission) admission: MessageAdmission,
    @Inject(LoginGuard) login: LoginGuard,
    @Inject(ReloginGuard) relogin: ReloginGuard,
    @Inject(ModulesContainer) modules: ModulesContainer,
  ) {
    this.#admission = admission;
    this.#login = login;
    this.#relogin = relogin;
    this.#modules = modules;
  }

  /** Puts this guard before those of all gateways, in place of the one of another application in this process. */
  bind(): void {
    for (const gateway of gatewaysIn(this.#modules)) {
      const others = guardsOf(gateway).filter((guard) => !(guard instanceof GatewayGuard));
      Reflect.defineMetadata(GUARDS, [this, ...others], gateway);
    }
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.#admission.has(context)) return true;
    const socket = adapterOf(context).socketOf(context);
    if (!socket) return true;
    await this.#admission.admit(context, socket);
    if (isGlobal('relogin', this.#modules)) return this.#relogin.canActivate(context);
    return isGlobal('login', this.#modules) ? this.#login.canActivate(context) : true;
  }
}

const guardsOf = (gateway: Type): object[] =>
  (Reflect.getMetadata(GUARDS, gateway) as object[] | undefined) ?? [];
