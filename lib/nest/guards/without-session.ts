import { Logger, type ExecutionContext } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { policyOf, type Asked } from '../request/session.metadata.js';
import { adapterOf } from '../transports/adapters.js';
import { noSession } from '../transports/no-session.js';
import { isGlobal } from './global-guards.js';

const logger = new Logger('nest-sessions');
const NAMES: Readonly<Record<Asked, string>> = { login: 'LoginGuard', relogin: 'ReloginGuard' };

/** By application: the classes whose handlers were reported as not guarded. */
const reported = new WeakMap<ModulesContainer, WeakSet<object>>();

/**
 * Whether a guard lets a handler pass because it has no session. If not, the handler is to be rejected. A guard that is not
 * global may be called by another one, which is bound to the handler and relies on it.
 *
 * @throws SessionError `ERR_NO_SESSION` if the handler cannot have a session
 */
export function isExempt(
  context: ExecutionContext,
  asked: Asked,
  modules: ModulesContainer | undefined,
): boolean {
  const treatment = adapterOf(context).withoutSession(context);
  if (treatment === 'anonymous') return false;
  const global = treatment === 'exempt' && !policyOf(context).bound[asked] && isGlobal(asked, modules);
  if (!modules || !global) throw noSession(context, NAMES[asked]);
  report(context, NAMES[asked], modules);
  return true;
}

/** Once for each class, since it may concern every message. */
function report(context: ExecutionContext, guard: string, modules: ModulesContainer): void {
  const type = context.getClass();
  const types = reported.get(modules) ?? new WeakSet();
  if (types.has(type)) return;
  reported.set(modules, types.add(type));
  logger.warn(
    `${guard} is global and does not guard the messages of ${type.name}, which have no session. Bind a guard of your own to it; if it needs none, mark it @Public().`,
  );
}
