import type { ExecutionContext } from '@nestjs/common';

export const LOGOUT = 'nest-sessions:logout';
export const RELOGIN = 'nest-sessions:relogin';
export const PUBLIC = 'nest-sessions:public';
export const PASSIVE = 'nest-sessions:passive';
export const ALLOW_CROSS_ORIGIN = 'nest-sessions:allow-cross-origin';
export const CACHEABLE = 'nest-sessions:cacheable';

/** The metadata key under which Nest stores the guards of `@UseGuards()`. */
export const GUARDS = '__guards__';

/** Marks what a guard of this library requires. A registered symbol, so that other copies of this module recognise it. */
export const ASKS_FOR = Symbol.for('nest-sessions/asks-for');

/** What a guard requires. A recent login (`relogin`) includes a login. */
export type Asked = 'login' | 'relogin';

export interface LogoutPolicy {
  everywhere: boolean;
}

export interface ReloginPolicy {
  /** Milliseconds. Default: the option `relogin.within`. */
  within: number | undefined;
  factor: string | undefined;
}

/** The policy that the decorators declare for one handler. */
export interface HandlerPolicy {
  logout: LogoutPolicy | undefined;
  relogin: ReloginPolicy | undefined;
  /** Requirements of guards bound to this handler, its class or a base class; those of global guards are unknown here. */
  bound: Readonly<Record<Asked, boolean>>;
  /** Requirements that `@Public()` removes from this handler, although a guard bound at an outer level has them. */
  spared: Readonly<Record<Asked, boolean>>;
  passive: boolean;
  allowCrossOrigin: boolean;
  cacheable: boolean;
}

type Handler = object;
const known = new WeakMap<Handler, Map<Handler, HandlerPolicy>>();

/** Reads a handler's decorators; those of the handler override those of its class. Cached, because they do not change. */
export function policyOf(context: ExecutionContext): HandlerPolicy {
  return policyOfHandler(context.getHandler(), context.getClass());
}

/** As {@link policyOf}, where nothing is executed. */
export function policyOfHandler(handler: Handler, type: Handler): HandlerPolicy {
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
    bound: { login: isBound(levels, 'login'), relogin: isBound(levels, 'relogin') },
    spared: { login: isSpared(levels, 'login'), relogin: isSpared(levels, 'relogin') },
    passive: get(PASSIVE) === true,
    allowCrossOrigin: get(ALLOW_CROSS_ORIGIN) === true,
    cacheable: get(CACHEABLE) === true,
  };
}

const isBound = (levels: Handler[], asked: Asked): boolean =>
  levels.some((level) => hasGuardFor(level, asked));

/**
 * Resolves `@Public()` against guards of this library bound by `@UseGuards()` or `@Relogin()`: the first of handler,
 * class and base classes that has either decides; on the same level the guard wins.
 */
function isSpared(levels: Handler[], asked: Asked): boolean {
  const deciding = levels.find((level) => hasGuardFor(level, asked) || Reflect.hasOwnMetadata(PUBLIC, level));
  return deciding !== undefined && !hasGuardFor(deciding, asked);
}

const hasGuardFor = (level: Handler, asked: Asked): boolean =>
  guardsAt(level).some((guard) => asksFor(guard, asked));

/** Whether a guard, given as a class or an instance, is one of this library that requires this. */
function asksFor(guard: object, asked: Asked): boolean {
  const what = askedBy(guard);
  return what === asked || what === 'relogin';
}

/** What a guard requires, given as its class or an instance. `undefined` for a guard that is none of this library. */
export function askedBy(guard: object): Asked | undefined {
  const { [ASKS_FOR]: asked } = (typeof guard === 'function' ? guard : guard.constructor) as Guard;
  return asked;
}

type Guard = { [ASKS_FOR]?: Asked };

/** Marks the function of a parameter decorator that throws without a login. */
export const asksForLogin = <T extends object>(factory: T): T =>
  Object.assign(factory, { [ASKS_FOR]: 'login' satisfies Asked });

/** The guards bound at this level itself, as classes or instances. Nest's list begins with those of the base class. */
function guardsAt(level: Handler): object[] {
  const guardsOf = (target: object): object[] =>
    ((Reflect.getMetadata(GUARDS, target) as object[] | undefined) ?? []).filter((guard) => !isAdded(guard));
  if (!Reflect.hasOwnMetadata(GUARDS, level)) return [];
  return guardsOf(level).slice(guardsOf(Object.getPrototypeOf(level) as object).length);
}

/** Marks a guard that the library adds to classes of the application by itself. */
export const ADDED = Symbol.for('nest-sessions/added-guard');

const isAdded = (guard: object): boolean => ADDED in guard;

function chainOf(type: Handler): Handler[] {
  const base = Object.getPrototypeOf(type) as Handler | null;
  return base === null || base === Function.prototype ? [type] : [type, ...chainOf(base)];
}
