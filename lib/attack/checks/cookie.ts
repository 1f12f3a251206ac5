import { asvs, nist, notApplicable, verdictOf, type Check, type Verdict } from './check.js';
import { lifetimeOf, type SetCookie } from '../http/set-cookie.js';
import type { Scene } from '../target/scene.js';
import type { Reply } from '../http/client.js';

/** As browsers limit it (RFC 6265bis). */
const MAX_DAYS = 400;
const DAY = 24 * 60 * 60;
const MAX_OCTETS = 4096;

/** The responses of a login, a read and a write. */
async function repliesOf(scene: Scene): Promise<readonly Reply[]> {
  const visitor = await scene.loggedIn();
  if (scene.config.write) await scene.write(visitor);
  return visitor.replies;
}

async function cookiesOf(scene: Scene): Promise<readonly SetCookie[]> {
  const replies = await repliesOf(scene);
  return replies.flatMap((one) => one.setCookies).filter(({ name }) => scene.cookieNames.includes(name));
}

/** A check of each cookie of the session. */
async function eachCookie(
  scene: Scene,
  complaint: (cookie: SetCookie) => string | false | undefined,
): Promise<Verdict> {
  const found = (await cookiesOf(scene)).map((cookie) => {
    const text = complaint(cookie);
    return typeof text === 'string' && `The cookie "${cookie.name}" ${text}`;
  });
  return verdictOf([...new Set(found)]);
}

const prefixed = (name: string): boolean => /^__(host|secure|http|host-http)-/i.test(name);
const rooted = ({ attributes }: SetCookie): boolean => attributes.get('path') === '/';

export const httpOnly: Check = {
  id: 'cookie-httponly',
  title: 'The cookie is HttpOnly',
  why: 'A script that gets into a page reads the cookie and sends it away.',
  severity: 'error',
  requirements: [asvs('3.3.4'), nist('5.1.1')],
  run: (scene) => eachCookie(scene, ({ attributes }) => !attributes.has('httponly') && 'is not HttpOnly.'),
};

export const secure: Check = {
  id: 'cookie-secure',
  title: 'The cookie is Secure',
  why: 'One request over plain HTTP, which anybody on the way can cause, shows the cookie.',
  severity: 'error',
  requirements: [asvs('3.3.1'), nist('5.1.1')],
  async run(scene) {
    const verdict = await eachCookie(
      scene,
      ({ attributes }) => !attributes.has('secure') && 'is not Secure.',
    );
    if (verdict.outcome === 'passed' || scene.secure) return verdict;
    return notApplicable('The target is plain HTTP. Attack it over HTTPS, as it is deployed.');
  },
};

export const sameSite: Check = {
  id: 'cookie-samesite',
  title: 'The cookie has SameSite=Lax or Strict',
  why: 'Browsers differ in what they take for the default, and None sends the cookie with requests of every site.',
  severity: 'warning',
  requirements: [asvs('3.3.2'), nist('5.1.1')],
  run: (scene) =>
    eachCookie(scene, ({ attributes }) => {
      const value = attributes.get('samesite')?.toLowerCase();
      if (value === 'lax' || value === 'strict') return undefined;
      return value === 'none' ? 'has SameSite=None.' : 'has no SameSite.';
    }),
};

export const prefix: Check = {
  id: 'cookie-prefix',
  title: 'The name of the cookie begins with __Host-',
  why: 'A sibling domain, or anybody on a plain connection, can set a cookie of the same name.',
  severity: 'warning',
  requirements: [asvs('3.3.1'), asvs('3.3.3'), nist('5.1.1')],
  async run(scene) {
    const cookies = await cookiesOf(scene);
    if (
      !scene.secure &&
      cookies.every(({ name, attributes }) => !attributes.has('secure') && !prefixed(name))
    )
      return notApplicable('The target is plain HTTP, where a prefix cannot be used.');
    return eachCookie(scene, (cookie) => !/^__host-/i.test(cookie.name) && 'has no prefix "__Host-".');
  },
};

export const prefixRules: Check = {
  id: 'cookie-prefix-rules',
  title: 'A cookie with a prefix has what browsers demand of it',
  why: 'Browsers refuse it otherwise, and a login is impossible.',
  severity: 'error',
  requirements: [asvs('3.3.1'), asvs('3.3.3')],
  async run(scene) {
    if (!scene.cookieNames.some(prefixed)) return notApplicable('The cookie has no prefix.');
    return eachCookie(scene, (cookie) => {
      if (prefixed(cookie.name) && !cookie.attributes.has('secure'))
        return 'has a prefix, but is not Secure.';
      const host = /^__host-/i.test(cookie.name);
      return (
        host &&
        (!rooted(cookie) || cookie.attributes.has('domain')) &&
        'is __Host-, but has a Domain, or no Path=/.'
      );
    });
  },
};

export const scope: Check = {
  id: 'cookie-scope',
  title: 'The cookie has no Domain, and a Path',
  why: 'With a Domain every subdomain receives it. Without a Path it is for the folder of the login page.',
  severity: 'warning',
  requirements: [asvs('3.3.3'), nist('5.1.1')],
  run: (scene) =>
    eachCookie(scene, ({ attributes }) => {
      if (attributes.get('domain')) return 'has a Domain: every subdomain receives it.';
      return !attributes.get('path')?.startsWith('/') && 'has no Path.';
    }),
};

export const size: Check = {
  id: 'cookie-size',
  title: `Name and value are ${MAX_OCTETS} octets at most`,
  why: 'Browsers do not store a longer one: the user is logged out, or keeps an old state.',
  severity: 'error',
  requirements: [asvs('3.3.5')],
  run: (scene) =>
    eachCookie(scene, ({ name, value }) => {
      const octets = Buffer.byteLength(name) + Buffer.byteLength(value);
      return octets > MAX_OCTETS && `has more than ${MAX_OCTETS} octets.`;
    }),
};

export const expiry: Check = {
  id: 'cookie-expiry',
  title: `The cookie expires within ${MAX_DAYS} days`,
  why: 'Browsers cut a longer time; a login should not last that long without a new proof.',
  severity: 'warning',
  requirements: [asvs('7.3.2'), nist('5.1.1')],
  run: (scene) =>
    eachCookie(scene, (cookie) => {
      // An hour for clocks that differ.
      const days = ((lifetimeOf(cookie, Date.now()) ?? 0) - 3600) / DAY;
      return days > MAX_DAYS && `expires after more than ${MAX_DAYS} days.`;
    }),
};

export const once: Check = {
  id: 'cookie-once',
  title: 'No response sets the cookie twice',
  why: 'Which of the two is kept depends on the client and on proxies.',
  severity: 'warning',
  requirements: [asvs('3.3.3')],
  async run(scene) {
    const replies = await repliesOf(scene);
    const twice = scene.cookieNames.filter((name) =>
      replies.some((reply) => reply.setCookies.filter((one) => one.name === name).length > 1),
    );
    return verdictOf(twice.map((name) => `One response sets the cookie "${name}" more than once.`));
  },
};

export const cookieChecks = [httpOnly, secure, sameSite, prefix, prefixRules, scope, size, expiry, once];
