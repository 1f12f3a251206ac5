import { isLoopback } from '../../attack/config/hosts.js';
import { Client, headerOf, isUntrusted, type Outgoing, type Reply } from '../../attack/http/client.js';
import { isDeletion, type SetCookie } from '../../attack/http/set-cookie.js';
import { causeOf } from '../../core/storage/health/error-cause.js';
import { MAX_COOKIE_OCTETS } from '../../core/token/cookie.js';
import { findings, type Finding } from './finding.js';

const { ok, warning, problem } = findings('site');

/** A page of the running application. */
export interface Site {
  url: URL;
  /** Posted there, as a form or as JSON. */
  post: string | undefined;
  /** The name of the session cookie; `undefined` for all that are set. */
  cookie: string | undefined;
  /** Milliseconds. */
  timeout: number;
}

/** What a browser would get there: the cookie, and what proxies and caches make of it. */
export async function siteFindings(site: Site): Promise<Finding[]> {
  const { url, timeout } = site;
  const client = new Client(url, { timeout, insecure: false });
  try {
    const first = await client.send(requestOf(site));
    const cookies = sessionCookies(first, site);
    if (cookies.length === 0) return [...transportFindings(url, first), noCookie(site, first)];
    const second = await client.send(requestOf(site));
    return [
      ...transportFindings(url, first),
      ...cookies.flatMap(cookieFindings),
      ...cacheFindings(first, cookies, sessionCookies(second, site)),
      ...(await proxyFindings(client, site)),
    ];
  } catch (error) {
    return [
      problem(
        `${url.host} does not respond: ${causeOf(error)}.`,
        isUntrusted(error)
          ? 'Set NODE_EXTRA_CA_CERTS to its certificate.'
          : 'Start the application, and check the address.',
      ),
    ];
  } finally {
    client.close();
  }
}

function requestOf({ url, post }: Site, headers: Record<string, string> = {}): Outgoing {
  const path = url.pathname + url.search;
  // As a browser says of a page of the same origin, so that no check of CSRF refuses it.
  const common = { accept: '*/*', origin: url.origin, 'sec-fetch-site': 'same-origin', ...headers };
  if (post === undefined) return { method: 'GET', path, headers: common, fresh: true };
  const type = /^\s*[{[]/.test(post) ? 'application/json' : 'application/x-www-form-urlencoded';
  return { method: 'POST', path, headers: { ...common, 'content-type': type }, body: post, fresh: true };
}

/** Without a name all of them, but for those that are taken away. */
const sessionCookies = ({ setCookies }: Reply, { cookie }: Site): SetCookie[] =>
  setCookies.filter((one) => (cookie === undefined || one.name === cookie) && !isDeletion(one, Date.now()));

function noCookie({ post, cookie }: Site, { status }: Reply): Finding {
  const which = cookie === undefined ? 'no cookie' : `no cookie ${cookie}`;
  return warning(
    `The response (status ${status}) sets ${which}, so its attributes are not known.`,
    post === undefined
      ? 'A session begins with what is stored in it: post a login, by --post @login.json.'
      : 'Check the body of --post. If a login succeeds without a cookie, the application takes the request for plain HTTP: set `trust proxy`.',
  );
}

function transportFindings(url: URL, first: Reply): Finding[] {
  const here = isLoopback(url.hostname);
  if (url.protocol === 'http:')
    return here
      ? []
      : [
          problem(
            'Plain HTTP: browsers do not keep a Secure cookie of it, and anybody on the way can read others.',
            'Use HTTPS.',
          ),
        ];
  if (here || headerOf(first, 'strict-transport-security') !== '')
    return [ok('HTTPS, which browsers keep to.')];
  return [
    warning(
      'HTTPS without Strict-Transport-Security: a first request over plain HTTP can be redirected by anybody on the way.',
      'Send the header, by helmet or at the proxy.',
    ),
  ];
}

function cookieFindings({ name, value, attributes }: SetCookie): Finding[] {
  const prefix = /^__(host|secure)-/i.exec(name)?.[1]?.toLowerCase();
  const found: Finding[] = [];
  const secure = attributes.has('secure');
  if (!secure) found.push(problem(`${name} is not Secure, so it goes over plain HTTP as well.`, 'Set it.'));
  if (!attributes.has('httponly'))
    found.push(problem(`${name} is not HttpOnly, so every script of the page can read it.`, 'Set it.'));
  const sameSite = attributes.get('samesite')?.toLowerCase();
  if (sameSite === undefined || sameSite === 'none')
    found.push(
      warning(
        `${name} has ${sameSite === undefined ? 'no SameSite' : 'SameSite=None'}: other sites can make a browser send it.`,
        'Set SameSite=Lax or Strict.',
      ),
    );
  const unfit = prefix === 'host' && (!secure || attributes.get('path') !== '/' || attributes.has('domain'));
  if (unfit || (prefix === 'secure' && !secure))
    found.push(
      problem(
        `${name} does not keep to the rules of its prefix, so browsers drop it.`,
        prefix === 'host'
          ? 'It needs Secure, Path=/ and no Domain: a proxy may rewrite them.'
          : 'It needs Secure.',
      ),
    );
  if (prefix === undefined)
    found.push(
      warning(
        `${name} has no prefix __Host-, so other hosts of the domain can set a cookie of this name.`,
        'Give it one.',
      ),
    );
  const octets = Buffer.byteLength(name) + Buffer.byteLength(value);
  if (octets > MAX_COOKIE_OCTETS)
    found.push(
      problem(
        `${name} has ${octets} bytes, and browsers keep ${MAX_COOKIE_OCTETS}.`,
        'Keep less in it, or use a store.',
      ),
    );
  return found.length > 0 ? found : [ok(`${name}: Secure, HttpOnly, SameSite=${sameSite}, ${octets} bytes.`)];
}

/** Of caches that mark what they had: Varnish, Fastly, CloudFront and others; Cloudflare. */
const CACHED = ['x-cache', 'cf-cache-status', 'x-cache-status', 'x-proxy-cache'] as const;

function cacheFindings(first: Reply, cookies: readonly SetCookie[], later: readonly SetCookie[]): Finding[] {
  const given = cookies.filter(({ value }) => value !== '').map(({ name, value }) => `${name}=${value}`);
  if (later.some(({ name, value }) => given.includes(`${name}=${value}`)))
    return [
      problem(
        'Two visitors were given the same cookie: a cache serves one response to all.',
        'Let it keep no response with Set-Cookie.',
      ),
    ];
  const hit = CACHED.find((name) => /\bhit\b/i.test(headerOf(first, name)));
  if (hit !== undefined || Number(headerOf(first, 'age')) > 0)
    return [
      problem(
        `A response with the cookie came out of a cache (${hit ?? 'age'}).`,
        'Let it keep no response with Set-Cookie.',
      ),
    ];
  if (/\b(?:private|no-store)\b/i.test(headerOf(first, 'cache-control')))
    return [
      ok(`Cache-Control: ${headerOf(first, 'cache-control')}, so shared caches do not keep the cookie.`),
    ];
  return [
    problem(
      'The response with the cookie has no Cache-Control: private or no-store, so a shared cache may keep it.',
      'Check whether a proxy removes or replaces the header.',
    ),
  ];
}

/** A proxy sets X-Forwarded-Proto. What a client says there must not count. */
async function proxyFindings(client: Client, site: Site): Promise<Finding[]> {
  const { url } = site;
  if (url.protocol !== 'https:') return [];
  const reply = await client.send(requestOf(site, { 'x-forwarded-proto': 'http' }));
  if (sessionCookies(reply, site).length > 0)
    return [ok('X-Forwarded-Proto of a client does not count: the cookie is set all the same.')];
  return [
    warning(
      'X-Forwarded-Proto of a client counts: with "http" there no cookie is set.',
      'Let the proxy replace the header, not add to it, and trust that proxy alone (`trust proxy`).',
    ),
  ];
}
