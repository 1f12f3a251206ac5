import type { DeviceAlgorithm } from '../../core/device/device-key.js';
import type { Duration } from '../../core/util/durations.js';

/** Which requests a browser defers until it has a new bound cookie. */
export interface DeviceScope {
  /**
   * Whether also requests to other hosts of the site: for a cookie whose `domain` is the registrable one. The browser then asks it for
   * `/.well-known/device-bound-sessions`, unless it registers at the registrable domain itself.
   * @default false: those to the origin alone
   */
  includeSite?: boolean;
  /** Paths below which no request waits: static files. They get no session that is bound, either. @default none */
  exclude?: readonly string[];
  /**
   * Hosts of other origins of the same site whose pages send requests here, such as 'app.example.com' for an API at
   * api.example.com: for these, too, the browser renews the bound cookie first. For a page of another host it does not, so its
   * requests have no session once the bound cookie is over.
   * @default none
   */
  initiators?: readonly string[];
}

/** What the option `deviceBound` takes. */
export interface DeviceBoundOptions {
  /**
   * Where browsers register a key (POST), and with `/refresh` behind it where they renew the bound cookie. As the browser
   * sees it: the global prefix and versions do not count, guards and middleware do not see these requests.
   * @default '/session/device'
   */
  path?: string;
  /**
   * Other paths that are served like `path`: those of before a change of it, at which browsers go on to refresh until a response
   * names the present one.
   * @default none
   */
  formerPaths?: readonly string[];
  /**
   * How long a bound cookie lasts: as long as a copy of all cookies is good, and 30 seconds more. Between five minutes and an hour, since
   * browsers renew it two minutes before its end, and sign six times in nine minutes at most.
   * @default '10m'
   */
  cookieLifetime?: Duration;
  /** Which requests wait for a new bound cookie. @default all of the origin */
  scope?: DeviceScope;
  /**
   * `supported`: a browser that registers no key keeps an ordinary session. `always`: a session has no access without one,
   * but for `rotateGrace` after the login, when a browser registers it.
   * @default 'supported'
   */
  require?: 'supported' | 'always';
  /** How a device may sign, the preferred one first. @default ['ES256'] */
  algorithms?: readonly DeviceAlgorithm[];
}
