import fc from 'fast-check';
import { CookieJar } from 'tough-cookie';
import { setCookie, type CookieOptions } from '../../lib/core/token/cookie.js';
import { isSessionError } from '../../lib/core/util/errors.js';
import { resolveCookie } from '../../lib/nest/options/cookie.settings.js';
import { resolveSettings } from '../../lib/nest/options/session.settings.js';
import { SECRET } from '../support/platforms.js';

const NAMES = [
  ...[
    'store',
    'lifetime',
    'idle',
    'rollEvery',
    'rotateEvery',
    'rotateGrace',
    'storeTimeout',
    'remember',
    'login',
  ],
  ...[
    'relogin',
    'cookie',
    'data',
    'maxSessions',
    'onExceeded',
    'discloseEviction',
    'protection',
    'crossOrigin',
  ],
  ...[
    'clearSiteData',
    'exclude',
    'context',
    'strict',
    'renderFailure',
    'clock',
    'isGlobal',
    'guard',
    'resave',
  ],
];
const NESTED = [
  'lifetime',
  'idle',
  'url',
  'within',
  'name',
  'path',
  'domain',
  'sameSite',
  'secure',
  'allow',
  '__proto__',
];

const odd = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  maxDepth: 2,
});
const text = fc.constantFrom(
  '5m',
  '0s',
  '-1d',
  '/',
  '//evil',
  '/login',
  'block',
  'a b',
  '__Host-x',
  'https://a.example',
);
const value = fc.oneof(odd, text, fc.bigInt(), fc.constant(Symbol('odd')));
const option = fc.oneof(value, fc.dictionary(fc.constantFrom(...NESTED), value, { noNullPrototype: false }));

/** What the call threw that is none of the errors for wrong options. */
async function wrongError(options: unknown): Promise<unknown> {
  try {
    await resolveSettings(options as never);
    return undefined;
  } catch (error) {
    return isSessionError(error) && error.code === 'ERR_OPTIONS' && !error.message.includes(SECRET)
      ? undefined
      : error;
  }
}

describe('the options', () => {
  it('of any value are resolved, or refused with ERR_OPTIONS and without the secret', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...NAMES), option), async (options) => {
        expect(await wrongError({ secret: SECRET, ...options })).toBeUndefined();
      }),
      { numRuns: 3_000 },
    );
  });

  it.each(NAMES)('%s takes any value, or refuses it with ERR_OPTIONS', async (name) => {
    await fc.assert(
      fc.asyncProperty(option, async (given) => {
        expect(await wrongError({ secret: SECRET, [name]: given })).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('of a secret of any value are resolved, or refused with ERR_OPTIONS', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(value, fc.array(value)), async (secret) => {
        expect(await wrongError({ secret })).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });

  it('of the cookie give a Set-Cookie that a strict jar keeps, or are refused', async () => {
    const cookies: fc.Arbitrary<CookieOptions> = fc.record(
      {
        name: fc.constantFrom('session', '__Host-a', '__secure-a', '__HTTP-a', 'a~b'),
        path: fc.constantFrom('/', '/app', '/a-b/c'),
        domain: fc.constantFrom('example.com', '.example.com', 'app.example.com'),
        sameSite: fc.constantFrom('strict', 'lax', 'none'),
        secure: fc.boolean(),
        partitioned: fc.boolean(),
        priority: fc.constantFrom('low', 'medium', 'high'),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(cookies, async (options) => {
        let header: string;
        try {
          header = setCookie(resolveCookie(options), 'token');
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_OPTIONS' });
          return;
        }
        const jar = new CookieJar(undefined, { prefixSecurity: 'strict' });
        const url = `https://app.example.com${options.path ?? '/'}`;
        const kept = await jar.setCookie(header, url);
        expect(kept?.value).toBe('token');
        expect(await jar.getCookieString(url)).toContain('token');
      }),
    );
  });
});
