import {
  applyDecorators,
  createParamDecorator,
  SetMetadata,
  UseGuards,
  UseInterceptors,
  type ExecutionContext,
} from '@nestjs/common';
import { milliseconds, type Duration } from '../core/util/durations.js';
import { SessionError } from '../core/util/errors.js';
import {
  checkOptions,
  isBoolean,
  isLongDuration,
  optional,
  unchecked,
  type OptionChecks,
} from '../core/util/options.js';
import { assertFactorIfNamed } from '../core/model/subject.js';
import { DeviceBoundGuard } from './device/device-bound.guard.js';
import { ReloginGuard } from './guards/relogin.guard.js';
import { SessionInterceptor } from './request/session.interceptor.js';
import { withoutLogin } from './request/without-login.js';
import { adapterOf } from './transports/adapters.js';
import { noSession } from './transports/no-session.js';
import { EndWithSessionInterceptor } from './streams/end-with-session.interceptor.js';
import { sessionOf } from './transports/session-of.js';
import {
  ALLOW_CROSS_ORIGIN,
  asksForLogin,
  CACHEABLE,
  LOGOUT,
  PASSIVE,
  PUBLIC,
  RELOGIN,
  type LogoutPolicy,
  type ReloginPolicy,
} from './request/session.metadata.js';

/**
 * The session of the request, or with a key one value of its data. `@nestjs/common` has a decorator of the
 * same name, which returns `req.session`: import this one from `nest-sessions`, or use {@link CurrentSession}.
 *
 * @throws SessionError `ERR_NO_SESSION` on a route that the option `exclude` names, and in a message handler of a microservice
 */
export const Session: ParameterOf<string | undefined> = (...given) => {
  const decorate = readSession(...given);
  return (target, key, index) => {
    forgetType(target, key, index);
    decorate(target, key, index);
  };
};

const readSession = createParamDecorator((key: string | undefined, context: ExecutionContext): unknown => {
  const current = sessionOf(context);
  if (!current) throw noSession(context, '@Session()');
  const { session } = current;
  return key === undefined ? session : (session.data as Record<string, unknown>)[key];
});

/** By the name of Nest's function: an inferred type would spell out types of Nest 12 that Nest 11 does not have. */
type ParameterOf<Data> = ReturnType<typeof createParamDecorator<Data>>;

/** Where compilers keep the types of parameters, under `emitDecoratorMetadata`. */
const PARAMETER_TYPES = 'design:paramtypes';

/**
 * A compiler that sees one file at a time (SWC, `isolatedModules`) cannot know that `Session` is a type in
 * `@Session() session: Session`, and keeps the value of that name: this decorator. A pipe that validates custom parameters
 * would take it for a class and make an instance of it. Type `Object`, which the others keep, says that it is none.
 */
function forgetType(target: object, key: string | symbol | undefined, index: number): void {
  if (key === undefined) return;
  const types = Reflect.getOwnMetadata(PARAMETER_TYPES, target, key) as unknown[] | undefined;
  if (types?.[index] !== Session) return;
  Reflect.defineMetadata(PARAMETER_TYPES, types.with(index, Object), target, key);
}

/** The same as `@Session()`, under a name that `@nestjs/common` does not have. */
export const CurrentSession: ParameterOf<string | undefined> = Session;

/**
 * The user's id as given to `login()`: always a string.
 *
 * @throws SessionHttpException 401 `ERR_LOGIN_REQUIRED` without a login
 * @throws SessionError `ERR_NO_SESSION` as `@Session()`
 */
export const Subject: ParameterOf<undefined> = createParamDecorator(
  asksForLogin((_: undefined, context: ExecutionContext): string => {
    const current = sessionOf(context);
    if (!current) throw noSession(context, '@Subject()');
    const { loggedIn, subject } = current.session;
    if (!loggedIn || subject === undefined)
      throw adapterOf(context).thrown(context, withoutLogin(current.state));
    return subject;
  }),
);

/**
 * The user of the session, as the option `user` loads it: lazily, and at most once a request.
 *
 * @throws SessionHttpException 401 `ERR_LOGIN_REQUIRED` without a login, and if the user is gone, whose session then ends
 * @throws SessionError `ERR_OPTIONS` without the option `user`, `ERR_NO_SESSION` as `@Session()`
 */
export const CurrentUser: ParameterOf<undefined> = createParamDecorator(
  asksForLogin((_: undefined, context: ExecutionContext): Promise<unknown> => {
    const current = sessionOf(context);
    if (!current) throw noSession(context, '@CurrentUser()');
    return current.user.catch((error: unknown) => {
      throw adapterOf(context).thrown(context, error);
    });
  }),
);

/**
 * When the handler succeeds the session ends, here or `everywhere` (by default here); its cookie is expired, and over
 * HTTPS the browser also clears what the option `clearSiteData` names. When the handler throws or responds with a status of
 * 400 or above the session stays. A handler that has no session fails with `ERR_NO_SESSION`.
 *
 * @throws SessionError `ERR_OPTIONS`, when the class is defined, for an unknown or wrong option
 */
export function Logout(policy: Partial<LogoutPolicy> = {}): MethodDecorator {
  checkOptions('@Logout()', policy, LOGOUT_CHECKS);
  const { everywhere = false } = policy;
  return applyDecorators(SetMetadata(LOGOUT, { everywhere }), UseInterceptors(SessionInterceptor));
}

const LOGOUT_CHECKS: OptionChecks<LogoutPolicy> = { everywhere: optional(isBoolean) };

/**
 * Asks for a login that is recent, by any factor or by the one named. Without a window the option
 * `relogin.within` applies.
 *
 * @throws SessionError `ERR_OPTIONS`, when the class is defined, for something that is no duration, and `ERR_FACTOR` for
 *   a factor that is given and is no text
 */
export function Relogin(
  policy: Duration | { within?: Duration; factor?: string } = {},
): MethodDecorator & ClassDecorator {
  if (typeof policy === 'object') checkOptions('@Relogin()', policy, RELOGIN_CHECKS);
  const { within, factor } = typeof policy === 'object' ? policy : { within: policy, factor: undefined };
  if (typeof policy === 'object') assertFactorIfNamed(policy);
  const resolved: ReloginPolicy = {
    within: within === undefined ? undefined : windowOf(within),
    factor,
  };
  return applyDecorators(SetMetadata(RELOGIN, resolved), UseGuards(ReloginGuard));
}

function windowOf(within: Duration): number {
  const complaint = isLongDuration(within, '@Relogin()');
  if (complaint !== undefined) throw new SessionError('ERR_OPTIONS', complaint);
  return milliseconds(within, '@Relogin()');
}

/** What they may hold is checked with their own errors. */
const RELOGIN_CHECKS: OptionChecks<ReloginPolicy> = { within: unchecked, factor: unchecked };

/**
 * Asks for a session that is bound to a device, and for a request that proves it: also right after the login, when others
 * still pass. Needs the option `deviceBound`.
 */
export const DeviceBound = (): MethodDecorator & ClassDecorator => UseGuards(DeviceBoundGuard);

/**
 * Not guarded where LoginGuard or ReloginGuard is global, or bound to the class of this handler. The nearer word
 * counts: a handler of a `@Public()` class that binds one of these guards itself is guarded, and so is what bears both.
 */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(PUBLIC, true);

/** Requests that are no activity of the user, such as polling: they extend nothing. */
export const Passive = (): MethodDecorator & ClassDecorator => SetMetadata(PASSIVE, true);

/** This handler takes unsafe requests from other sites: a `form_post` callback of OAuth, say. */
export const AllowCrossOrigin = (): MethodDecorator & ClassDecorator => SetMetadata(ALLOW_CROSS_ORIGIN, true);

/**
 * The response ends when its session does, while it is still running: server-sent events with a last one of the type
 * `session-ended` (its data: `{ code, reason }`), any other response by being cut off. Without it a running response goes on.
 *
 * A handler that has no session fails with `ERR_NO_SESSION`. The sockets of gateways and of GraphQL end in any case.
 */
export const EndWithSession = (): MethodDecorator & ClassDecorator =>
  UseInterceptors(EndWithSessionInterceptor);

/**
 * The answer does not depend on the session, though the handler or a guard looks at it: its Cache-Control
 * stays as it is, unless the response carries a session cookie.
 */
export const Cacheable = (): MethodDecorator & ClassDecorator => SetMetadata(CACHEABLE, true);
