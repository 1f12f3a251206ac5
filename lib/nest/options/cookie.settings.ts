import type { CookieOptions, ResolvedCookie } from '../../core/token/cookie.js';
import { wrongOption } from '../../core/util/options.js';

/**
 * The cookie with its defaults.
 *
 * @throws SessionError `ERR_OPTIONS` for attributes that contradict each other, since browsers drop such a cookie silently
 */
export function resolveCookie(options: CookieOptions): ResolvedCookie {
  const path = options.path ?? '/';
  const domain = options.domain ?? undefined;
  const sameSite = options.sameSite ?? 'lax';
  const secure = options.secure ?? true;
  const partitioned = options.partitioned ?? false;
  const priority = options.priority ?? undefined;
  const name = options.name ?? defaultName(secure, path, domain);
  // Browsers match the prefixes without regard to case (RFC 6265bis §5.7), and drop what contradicts them without a word.
  // `__Host-Http-` is one of `__Host-`; `__Http-` asks for Secure and HttpOnly, which our cookie always is (§4.1.3).
  const prefix = name.toLowerCase();
  const hostOnly = prefix.startsWith('__host-');
  if (hostOnly && domain !== undefined) {
    throw wrong(
      `cookie.domain: a cookie named __Host- belongs to one host. Drop the domain, or name the cookie '__Secure-session'.`,
    );
  }
  if (hostOnly && path !== '/') {
    throw wrong(
      `cookie.path: a cookie named __Host- has the path '/'. Drop the path, or name the cookie '__Secure-session'.`,
    );
  }
  if (!secure && (hostOnly || prefix.startsWith('__secure-') || prefix.startsWith('__http-'))) {
    throw wrong(
      `cookie.secure: a cookie named __Host-, __Secure- or __Http- is Secure. Leave secure true, or name the cookie 'session'.`,
    );
  }
  if (!secure && sameSite === 'none') {
    throw wrong(
      `cookie.sameSite: browsers drop SameSite=None without Secure. Leave secure true, or set sameSite to 'lax'.`,
    );
  }
  if (!secure && partitioned) {
    throw wrong('cookie.partitioned: browsers drop Partitioned without Secure. Leave secure true.');
  }
  return { name, path, domain, sameSite, secure, partitioned, priority };
}

function defaultName(secure: boolean, path: string, domain: string | undefined): string {
  if (!secure) return 'session';
  return path === '/' && domain === undefined ? '__Host-session' : '__Secure-session';
}

const wrong = (message: string): Error => wrongOption('SessionModule', message);
