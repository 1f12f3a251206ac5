import type { ExecutionContext } from '@nestjs/common';

export const LOGOUT = 'nest-sessions:logout';
export const RELOGIN = 'nest-sessions:relogin';
export const PUBLIC = 'nest-sessions:public';
export const PASSIVE = 'nest-sessions:passive';
export const ALLOW_CROSS_ORIGIN = 'nest-sessions:allow-cross-origin';
export const CACHEABLE = 'nest-sessions:cacheable';

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
  public: boolean;
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
  const own = (key: string): unknown => Reflect.getMetadata(key, handler);
  const get = (key: string): unknown => own(key) ?? Reflect.getMetadata(key, type);
  // `@Public()` and `@Relogin()` contradict each other: the handler's word counts, and on one level the stricter.
  const relogin = own(RELOGIN) ?? (own(PUBLIC) ? undefined : get(RELOGIN));
  return {
    logout: get(LOGOUT) as LogoutPolicy | undefined,
    relogin: relogin as ReloginPolicy | undefined,
    public: relogin === undefined && get(PUBLIC) === true,
    passive: get(PASSIVE) === true,
    allowCrossOrigin: get(ALLOW_CROSS_ORIGIN) === true,
    cacheable: get(CACHEABLE) === true,
  };
}
