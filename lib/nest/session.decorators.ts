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
import { checkOptions, isBoolean, optional, unchecked, type OptionChecks } from '../core/util/options.js';
import { assertFactorIfNamed } from '../core/model/subject.js';
import { ReloginGuard } from './guards/relogin.guard.js';
import { sessionOf } from './request/request-session.js';
import { SessionInterceptor } from './request/session.interceptor.js';
import {
  ALLOW_CROSS_ORIGIN,
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
 * @throws SessionError `ERR_NO_SESSION` on a route that the option `exclude` names
 */
export const Session = createParamDecorator((key: string | undefined, context: ExecutionContext): unknown => {
  const current = sessionOf(context);
  if (!current) {
    throw new SessionError(
      'ERR_NO_SESSION',
      'This route has no session. Take it out of the option "exclude", or import SessionModule in the root module.',
    );
  }
  const { session } = current;
  return key === undefined ? session : (session.data as Record<string, unknown>)[key];
});

/** The same as `@Session()`, under a name that `@nestjs/common` does not have. */
export const CurrentSession = Session;

/**
 * When the handler succeeds the session ends, here or `everywhere`; the cookie is taken away, and over
 * HTTPS the browser is told to forget what it stored (Clear-Site-Data). When it throws or answers with an
 * error the session stays.
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
    within: within === undefined ? undefined : milliseconds(within, '@Relogin()'),
    factor,
  };
  return applyDecorators(SetMetadata(RELOGIN, resolved), UseGuards(ReloginGuard));
}

/** What they may hold is checked with their own errors. */
const RELOGIN_CHECKS: OptionChecks<ReloginPolicy> = { within: unchecked, factor: unchecked };

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
 * The answer does not depend on the session, though the handler or a guard looks at it: its Cache-Control
 * stays as it is, unless the response carries a session cookie.
 */
export const Cacheable = (): MethodDecorator & ClassDecorator => SetMetadata(CACHEABLE, true);
