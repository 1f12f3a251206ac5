import { parseSetCookie } from 'cookie';
import { systemClock, type Clock } from '../core/util/clock.js';

interface Kept {
  name: string;
  value: string;
  path: string;
  isOver: () => boolean;
}

/**
 * The cookies that a browser keeps of one site (RFC 6265 §5.3, §5.4). It sees the site over HTTPS, whatever the
 * connection is, so that Secure cookies and those named `__Host-` come back; a Domain is not looked at.
 */
export class AgentCookies {
  readonly #clock: Clock;
  readonly #kept: Map<string, Kept>;

  /** @param clock decides when a Max-Age is over. Expires is compared with the clock of this machine, which others wrote it by */
  constructor(clock: Clock, kept: ReadonlyMap<string, Kept> = new Map()) {
    this.#clock = clock;
    this.#kept = new Map(kept);
  }

  /**
   * @param setCookie a Set-Cookie header
   * @param requestPath of the request that it responds to
   */
  keep(setCookie: string, requestPath = '/'): void {
    const { name, value = '', path, maxAge, expires } = parseSetCookie(setCookie, { decode: (text) => text });
    const scope = path?.startsWith('/') ? path : defaultPath(requestPath);
    this.#kept.set(`${name};${scope}`, { name, value, path: scope, isOver: this.#end(maxAge, expires) });
  }

  /** Max-Age counts before Expires (RFC 6265 §5.3). */
  #end(maxAge: number | undefined, expires: Date | undefined): () => boolean {
    if (maxAge !== undefined) {
      const end = maxAge > 0 ? this.#clock.now() + maxAge * 1000 : -Infinity;
      return () => this.#clock.now() >= end;
    }
    return expires ? () => systemClock.now() >= expires.getTime() : () => false;
  }

  /** The Cookie header for a path, those of longer paths first; without a path all cookies. '' if there are none. */
  header(path?: string): string {
    return [...this.#kept.values()]
      .filter((one) => !one.isOver() && (path === undefined || matches(path, one.path)))
      .sort((a, b) => b.path.length - a.path.length)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }

  copy(): AgentCookies {
    return new AgentCookies(this.#clock, this.#kept);
  }
}

/** RFC 6265 §5.1.4 */
const defaultPath = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

/** RFC 6265 §5.1.4 */
const matches = (path: string, scope: string): boolean =>
  path === scope || path.startsWith(scope.endsWith('/') ? scope : `${scope}/`);
