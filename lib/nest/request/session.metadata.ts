import type { ExecutionContext } from '@nestjs/common';

export const LOGOUT = 'nest-sessions:logout';
export const RELOGIN = 'nest-sessions:relogin';
export const PUBLIC = 'nest-sessions:public';
export const PASSIVE = 'nest-sessions:passive';
export const ALLOW_CROSS_ORIGIN = 'nest-sessions:allow-cross-origin';
export const CACHEABLE = 'nest-sessions:cacheable';

/** Where Nest keeps what `@UseGuards()` names. */
const GUARDS = '__guards__';

/** On our guards: what they ask for. By symbol, so that another copy of this module knows them as well. */
export const ASKS_FOR = Symbol.for('nest-sessions/asks-for');

/** A recent login is a login, too. */
export type Asked = 'login' | 'relogin';

export interface LogoutPolicy {
  everywhere: boolean;
}

export interface ReloginPolicy {
  /** Milliseconds; without it the option `relogin.within` applies. */
  within: number | undefined;
  factor: string | undefined;
}

/** What the decorators say of one handler. */
export interface HandlerPolicy {
  logout: LogoutPolicy | undefined;
  relogin: ReloginPolicy | undefined;
  /** What is not asked for here, though a guard that is bound farther away would. */
  spared: Readonly<Record<Asked, boolean>>;
  passive: boolean;
  allowCrossOrigin: boolean;
  cacheable: boolean;
}

type Handler = object;
const known = new WeakMap<Handler, Map<Handler, HandlerPolicy>>();

/** Looks up a handler's decorators, the handler's own before those of its class. Once: they do not change. */
export function policyOf(context: ExecutionContext): HandlerPolicy {
  const handler = context.getHandler();
  const type = context.getClass();
  let byClass = known.get(handler);
  if (!byClass) known.set(handler, (byClass = new Map<Handler, HandlerPolicy>()));
  let policy = byClass.get(type);
  if (!policy) byClass.set(type, (policy = read(handler, type)));
  return policy;
}

function read(handler: Handler, type: Handler): HandlerPolicy {
  const get = (key: string): unknown => Reflect.getMetadata(key, handler) ?? Reflect.getMetadata(key, type);
  const levels = [handler, ...chainOf(type)];
  return {
    logout: get(LOGOUT) as LogoutPolicy | undefined,
    relogin: get(RELOGIN) as ReloginPolicy | undefined,
    spared: { login: isSpared(levels, 'login'), relogin: isSpared(levels, 'relogin') },
    passive: get(PASSIVE) === true,
    allowCrossOrigin: get(ALLOW_CROSS_ORIGIN) === true,
    cacheable: get(CACHEABLE) === true,
  };
}

/**
 * `@Public()` contradicts a guard of ours that `@UseGuards()` or `@Relogin()` binds: the nearest of handler, class and
 * base classes counts, and on one level the stricter word.
 */
function isSpared(levels: Handler[], asked: Asked): boolean {
  const deciding = levels.find((level) => asksFor(level, asked) || Reflect.hasOwnMetadata(PUBLIC, level));
  return deciding !== undefined && !asksFor(deciding, asked);
}

function asksFor(level: Handler, asked: Asked): boolean {
  return guardsAt(level).some((guard) => {
    const { [ASKS_FOR]: what } = (typeof guard === 'function' ? guard : guard.constructor) as Guard;
    return what === asked || what === 'relogin';
  });
}

type Guard = { [ASKS_FOR]?: Asked };

/** The guards that are bound right here, as classes or instances. To those of a base class Nest adds the others. */
function guardsAt(level: Handler): object[] {
  const guardsOf = (target: object): object[] =>
    (Reflect.getMetadata(GUARDS, target) as object[] | undefined) ?? [];
  if (!Reflect.hasOwnMetadata(GUARDS, level)) return [];
  return guardsOf(level).slice(guardsOf(Object.getPrototypeOf(level) as object).length);
}

function chainOf(type: Handler): Handler[] {
  const base = Object.getPrototypeOf(type) as Handler | null;
  return base === null || base === Function.prototype ? [type] : [type, ...chainOf(base)];
}
