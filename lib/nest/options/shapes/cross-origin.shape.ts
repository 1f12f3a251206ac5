import { isNested, type OptionChecks } from '../../../core/util/options.js';
import type { SessionModuleOptions } from '../session.options.js';

const CROSS_ORIGIN: OptionChecks<
  Extract<NonNullable<SessionModuleOptions['crossOrigin']>, { allow: readonly string[] }>
> = { allow: originsComplaint };

export function crossOriginComplaint(value: unknown, name: string): string | undefined {
  if (value === 'block' || value === 'allow') return undefined;
  const origins = [value].flat().filter((one) => typeof one === 'string' && one.includes('://'));
  if (origins.length > 0 || Array.isArray(value))
    return `${name}: give an object, as in ${name}: { allow: ${listed(origins)} }.`;
  if (typeof value !== 'object')
    return `${name}: 'block', 'allow' or { allow: ['https://app.example.com'] }.`;
  return isNested(CROSS_ORIGIN)(value, name);
}

const listed = (origins: readonly unknown[]): string =>
  origins.length > 0 ? JSON.stringify(origins) : "['https://app.example.com']";

function originsComplaint(value: unknown, name: string): string | undefined {
  if (!Array.isArray(value)) return `${name}: a list of origins such as 'https://app.example.com'.`;
  if (value.length === 0) return `${name}: name at least one origin, or set crossOrigin: 'block'.`;
  const complaints = new Set((value as unknown[]).map(originComplaint).filter((one) => one !== undefined));
  return complaints.size > 0 ? `${name}: ${joined([...complaints])}` : undefined;
}

/** How to write an origin is said once. */
function joined(complaints: readonly string[]): string {
  const first = complaints.findIndex((one) => one.startsWith(HOW_TO_WRITE));
  return complaints.map((one, at) => (at > first ? one.replace(`${HOW_TO_WRITE} `, '') : one)).join(' ');
}

/** What is wrong with one origin, by the most likely mistake. */
function originComplaint(value: unknown): string | undefined {
  if (typeof value !== 'string') return `${HOW_TO_WRITE} This is a ${typeof value}.`;
  if (value === 'null')
    return "'null' is what any page sends from a sandboxed frame, so it names no site. Put @AllowCrossOrigin() on the handlers that take such requests.";
  if (value.includes('*'))
    return `${JSON.stringify(value)} has a wildcard, which nothing matches. Write each origin out: a subdomain that nobody uses any more, and somebody else takes over, must not be allowed.`;
  if (isApplicationOrigin(value)) return undefined;
  const own = URL.canParse(value) ? webOriginOf(new URL(value)) : undefined;
  if (own === value) return undefined;
  const remedy =
    own === undefined
      ? `${JSON.stringify(value)} is none.`
      : `Instead of ${JSON.stringify(value)}: '${own}'.`;
  return `${HOW_TO_WRITE} ${remedy}`;
}

const HOW_TO_WRITE =
  "write each origin as a browser sends it: scheme, host and port, without a slash at the end ('https://app.example.com').";

/** Schemes whose origins the URL standard serialises; of a socket it is that of the page which opens it. */
const WEB: Readonly<Record<string, string>> = {
  'https:': 'https:',
  'http:': 'http:',
  'wss:': 'https:',
  'ws:': 'http:',
};

/** ASCII, in small letters, without the default port (RFC 6454 §6.2); `undefined` for another scheme. */
function webOriginOf(url: URL): string | undefined {
  const scheme = WEB[url.protocol];
  return scheme === undefined || url.host === '' ? undefined : `${scheme}//${url.host}`;
}

/**
 * Origins of applications with a scheme of their own, such as `capacitor://localhost`, `tauri://localhost` and
 * `chrome-extension://…`. The URL standard leaves them opaque, so they are taken as they are written: scheme "://" host
 * [ ":" port ], the scheme in small letters (RFC 3986 §3.1).
 */
const APPLICATION = /^(?!(?:https?|wss?|ftp|file):)[a-z][a-z0-9+.-]*:\/\/[a-z0-9._~-]+(?::\d+)?$/i;

const isApplicationOrigin = (value: string): boolean =>
  APPLICATION.test(value) && value.startsWith(value.slice(0, value.indexOf(':')).toLowerCase());
