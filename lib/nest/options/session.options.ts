import type { MiddlewareConsumer, Type } from '@nestjs/common';
import type { Clock } from '../../core/util/clock.js';
import type { CookieOptions } from '../../core/token/cookie.js';
import type { Duration } from '../../core/util/durations.js';
import type { ProtectionVerdict } from '../../core/request/engine-context.js';
import type { SessionBackendFactory } from '../../core/storage/backend.js';
import type { MigrationSource } from '../../core/migration/source.js';
import type { Device } from '../../core/model/record.js';
import type { SessionStore } from '../../core/storage/store.js';
import type { DeviceBoundOptions } from '../device/device.options.js';
import type { RenderFailure } from '../request/failure-content.js';
import type { StandardSchemaV1 } from './standard-schema.js';

/** A path, or a path and a method, as `MiddlewareConsumer.exclude()` takes it. */
export type ExcludedRoute = Parameters<ReturnType<MiddlewareConsumer['apply']>['exclude']>[number];

/** The types of `Clear-Site-Data` (W3C Clear Site Data §3.1). */
export type ClearSiteDataType = 'cache' | 'cookies' | 'storage' | 'executionContexts' | '*';

/** What `SessionModule.forRoot()` takes. Each is checked at boot. */
export interface SessionModuleOptions<T extends object = object> {
  /**
   * Signs the cookie. At least 32 bytes of randomness, from the environment: a text, whose UTF-8 counts, or the bytes as
   * a Buffer or Uint8Array. For a change without logging anybody out give a list: the first signs, all of them verify.
   */
  secret: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Where sessions live. @default new MemoryStore() */
  store?: SessionStore | SessionBackendFactory;
  /** The absolute timeout: counted from login or re-login, whatever the activity. @default '31d' */
  lifetime?: Duration;
  /** The sliding timeout: without a request for this long the session ends. @default '30m' */
  idle?: Duration;
  /** The sliding timeout is extended at most this often, so that most requests write nothing. @default '1m' */
  rollEvery?: Duration;
  /** The secret in the cookie is renewed this often. @default '15m' */
  rotateEvery?: Duration | false;
  /**
   * How long requests that were on their way with the predecessor of a rotated secret still pass. Shorter than
   * `rotateEvery`.
   * @default '10s'
   */
  rotateGrace?: Duration;
  /** The limits of `login({ remember: true })`, whose cookie outlives the browser. @default { lifetime: '31d', idle: '31d' } */
  remember?: { lifetime?: Duration; idle?: Duration };
  /**
   * The page that LoginGuard sends HTML clients to (303) in place of a 401, with the way back in the parameter `next`: a
   * path of this application, as the browser sees it. @default none
   */
  login?: { url?: string };
  /**
   * How long ago a login may be for handlers with `@Relogin()` (`within`, by default '5m'), and the page that
   * HTML clients are sent to otherwise, with the way back in the parameter `next` (`url`, by default none: a 401).
   */
  relogin?: { within?: Duration; url?: string };
  /** How the session cookie is named and written. @default `__Host-session`, `Secure`, `HttpOnly`, `SameSite=Lax`, `Path=/` */
  cookie?: CookieOptions;
  /**
   * What a session may hold: a class with class-validator decorators (with that package and class-transformer), or a Standard
   * Schema (Zod, Valibot, …) that validates synchronously. Stored data that no longer fits is dropped, key by key. @default none: data is not validated
   */
  data?: Type<T> | StandardSchemaV1;
  /** How many sessions a subject may have at a time. @default no limit */
  maxSessions?: number | ((subject: string) => number | undefined);
  /** What happens at one more. @default 'evict-oldest' */
  onExceeded?: 'evict-oldest' | 'reject';
  /** Whether the 401 for an evicted session's own cookie carries the code `ERR_SESSION_EVICTED`. @default true */
  discloseEviction?: boolean;
  /**
   * What a change of address or user agent does: `basic` makes no login count as fresh until the next re-login,
   * `strong` ends the session. Users move between networks: `basic` asks, `strong` costs. @default 'off'
   */
  protection?: 'off' | 'basic' | 'strong' | ((now: Device, then: Device) => ProtectionVerdict);
  /**
   * Whether other sites may make a browser send unsafe requests, or any to a `@Logout()` handler. `allow` lists origins
   * exactly as browsers send them: `https://app.example.com`, or of applications `capacitor://localhost`. There are no
   * wildcards: write each subdomain.
   * @default 'block'
   */
  crossOrigin?: 'block' | 'allow' | { allow: readonly string[] };
  /**
   * What a browser clears at a logout over HTTPS, besides the session cookie (`Clear-Site-Data`). `cookies` takes those of
   * the whole registrable domain, `storage` the application's own. Added to a value that the handler has set. @default none
   */
  clearSiteData?: readonly ClearSiteDataType[];
  /**
   * Routes without a session: static files, health checks. Paths as Nest's `MiddlewareConsumer.exclude()` takes them, or a
   * path with a method and a version: without the global prefix, and with the version. One that seems to mean a route and
   * matches none is warned of at boot. @default none
   */
  exclude?: ExcludedRoute[];
  /**
   * For how long a socket may go by the state of its session that it has. A message that comes later loads the session first,
   * and a session with open sockets or streams is looked at this often, so that one whose end no event told is closed by then.
   * @default '10s'
   */
  reloadEvery?: Duration;
  /** How long a store may take to answer before the request is refused with 503. @default '2s' */
  storeTimeout?: Duration;
  /**
   * Whether the application refuses to start where the check of the store finds a problem: no response, a table or
   * columns that are missing, a server that evicts or is read-only, clocks that differ. Otherwise each is logged as a
   * warning. @default false
   */
  strict?: boolean;
  /**
   * Whether `SessionService.current` works, by AsyncLocalStorage. Without it use `@Session()` and give the
   * session to the service's methods. @default true
   */
  context?: boolean;
  /**
   * Renders the response that takes the place of the application's own where the session cannot be stored as it leaves.
   * An exception filter is not asked then; `SessionInterceptor` commits before. @default JSON, or a small page for browsers
   */
  renderFailure?: RenderFailure;
  /**
   * Loads the user of a subject for `@CurrentUser()`: only where a handler asks for it, and at most once a request. A promise
   * is awaited, and an error is that of the request. `undefined` or `null` means that the user is gone: the session ends, and the
   * answer is a 401. @default none
   */
  user?: (subject: string) => unknown;
  /**
   * Sessions of other libraries that come over, so that nobody is logged out by the switch: `fromExpressSession()` and others
   * of `nest-sessions/migrate`. Needs a store; sealed cookies cannot remember which sessions came over. @default none
   */
  migrate?: readonly MigrationSource[];
  /**
   * Binds sessions to a key that the browser keeps, in hardware where there is some (W3C Device Bound Session Credentials), so
   * that a copy of all cookies is worthless after minutes. A browser without it keeps an ordinary session, unless `require`
   * says otherwise. Needs HTTPS and the package `jose`. Off by default; where `@DeviceBound()` is used `false` has to be written,
   * and the handlers of it respond with 403.
   */
  deviceBound?: boolean | DeviceBoundOptions;
  /** For tests. Where it is given it decides; otherwise the store's own clock does, if it has one. */
  clock?: Clock;
}

/** What decides how the module is put together: beside the options of `forRoot()`, and beside the factory of `forRootAsync()`. */
export interface SessionModuleExtras {
  /** Whether other modules need not import it to inject SessionService and the guards. @default true */
  isGlobal?: boolean;
  /** `login` guards every handler of the application with LoginGuard, but for those marked `@Public()`. @default none */
  guard?: 'login';
}

/** For `forRootAsync({ useClass })` and `useExisting`. */
export interface SessionOptionsFactory {
  /** Called once, while the module is built. Its result is checked like the options of `forRoot()`. */
  createSessionOptions(): SessionModuleOptions | Promise<SessionModuleOptions>;
}
