import type { CookieOptions } from '../../../core/token/cookie.js';
import {
  isBoolean,
  isOneOf,
  must,
  optionalOrNull,
  type OptionCheck,
  type OptionChecks,
} from '../../../core/util/options.js';
import { encodedHint, isVisible } from './header-text.js';

/** Browsers ignore an attribute with a longer value (RFC 6265bis §5.6), and the cookie gets another path than was meant. */
const MAX_ATTRIBUTE_OCTETS = 1024;

/** path-value (RFC 6265 §4.1.1), but for '<', which the package `cookie` refuses. */
function pathComplaint(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^\/[^;\s]*$/.test(value))
    return "cookie.path: it begins with '/', and has neither ';' nor blanks.";
  if (!isVisible(value) || value.includes('<')) return `cookie.path: ${encodedHint(value)}`;
  if (value.length <= MAX_ATTRIBUTE_OCTETS) return undefined;
  return `cookie.path: it has ${value.length} octets, and browsers ignore one of more than ${MAX_ATTRIBUTE_OCTETS} (RFC 6265bis §5.6). Give a shorter one.`;
}

/** A name is at most this long (RFC 1035 §2.3.4). */
const MAX_DOMAIN_OCTETS = 253;

/** RFC 1034 §3.5: labels of letters, digits and hyphens, at most 63 each. */
const DOMAIN = /^\.?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

const matching = (pattern: RegExp, remedy: string, longest = Infinity): OptionCheck =>
  must((value) => typeof value === 'string' && value.length <= longest && pattern.test(value), remedy);

export const COOKIE: OptionChecks<CookieOptions> = {
  name: optionalOrNull(
    matching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'use letters, digits and -_.~ (RFC 6265 §4.1.1).'),
  ),
  path: optionalOrNull(pathComplaint),
  domain: optionalOrNull(
    matching(
      DOMAIN,
      "give a host name such as 'example.com', without scheme or port; one in other letters as 'xn--…'.",
      MAX_DOMAIN_OCTETS + 1,
    ),
  ),
  sameSite: optionalOrNull(isOneOf('strict', 'lax', 'none')),
  secure: optionalOrNull(
    must(
      (value) => typeof value === 'boolean',
      'true or false. Behind a proxy that ends TLS leave it true and set `trust proxy`.',
    ),
  ),
  partitioned: optionalOrNull(isBoolean),
  priority: optionalOrNull(isOneOf('low', 'medium', 'high')),
};
