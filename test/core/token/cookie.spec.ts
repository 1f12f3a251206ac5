import { parseCookie, stringifyCookie } from 'cookie';
import fc from 'fast-check';
import {
  cookieChanges,
  cookieValues,
  decodeValue,
  expireCookie,
  MAX_COOKIE_AGE,
  setCookie,
  type ResolvedCookie,
} from '../../../lib/core/token/cookie.js';

const NAME = '__Host-session';

/** RFC 6265 §4.1.1, without the quotes that may stand around a value. */
const OCTETS = [..."!#$%&'()*+-./0123456789:<=>?@ABCXYZ[]^_`abcxyz{|}~"];
const value = fc.string({ unit: fc.constantFrom(...OCTETS), maxLength: 12 });
const otherName = fc.constantFrom('session', 'x__Host-session', '__Host-session2', '__host-session', 'a');
const blanks = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 3 });
const junk = fc.constantFrom('', '=', '__Host-session', 'a', ' ', '\u00a0__Host-session=no');

const cookie: ResolvedCookie = {
  name: NAME,
  path: '/',
  sameSite: 'lax',
  secure: true,
  partitioned: false,
};
const cookies: fc.Arbitrary<ResolvedCookie> = fc
  .record({
    name: fc.constantFrom(NAME, 'session'),
    path: fc.constantFrom('/', '/app'),
    domain: fc.option(fc.constant('example.com'), { nil: undefined }),
    sameSite: fc.constantFrom('strict', 'lax', 'none'),
    secure: fc.boolean(),
    partitioned: fc.boolean(),
    priority: fc.option(fc.constantFrom('low', 'medium', 'high'), { nil: undefined }),
  })
  .map(({ domain, priority, ...rest }) => ({
    ...rest,
    ...(domain !== undefined && { domain }),
    ...(priority !== undefined && { priority }),
  }));

/** The attributes without those that say how long the cookie lives, in lower case. */
const scopeOf = (header: string): string[] =>
  header
    .toLowerCase()
    .split('; ')
    .slice(1)
    .filter((attribute) => !/^(?:max-age|expires)=/.test(attribute))
    .sort();

describe('cookieValues', () => {
  it('finds every value of exactly this name, in the order of the header', () => {
    const pair = fc.oneof(
      fc.record({ name: fc.constant(NAME), value }),
      fc.record({ name: otherName, value }),
      fc.record({ name: fc.constant(undefined), value: junk }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(blanks, pair, blanks), { maxLength: 6 }), (pairs) => {
        const header = pairs
          .map(([before, { name, value }, after]) =>
            name === undefined ? value : `${before}${name}=${before}${value}${after}`,
          )
          .join(';');
        const expected = pairs.filter(([, { name }]) => name === NAME).map(([, { value }]) => value);
        expect(cookieValues(header, NAME)).toEqual(expected);
      }),
    );
  });

  it('agrees with a parser of cookies where each name is there once', () => {
    const jar = fc.dictionary(fc.constantFrom(NAME, 'session', 'a', 'b'), value);
    fc.assert(
      fc.property(jar, (values) => {
        const header = stringifyCookie(values, { encode: String });
        const parsed = parseCookie(header, { decode: String });
        for (const name of [NAME, 'session', 'a', 'b'])
          expect(cookieValues(header, name)).toEqual(parsed[name] === undefined ? [] : [parsed[name]]);
      }),
    );
  });

  it('takes any header without throwing', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('=', ';', ' ', '\t', '"', 'a', NAME) }), (header) => {
        for (const found of cookieValues(header, NAME)) expect(header).toContain(found);
        expect(cookieValues(header, 'absent')).toEqual([]);
      }),
    );
    expect(cookieValues(undefined, NAME)).toEqual([]);
  });
});

describe('decodeValue', () => {
  it('returns what was percent-encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(decodeValue(encodeURIComponent(text))).toBe(text);
      }),
    );
  });

  it.each(['%', 'a%2', '%zz', '%ff'])('returns undefined for %s', (broken) => {
    expect(decodeValue(broken)).toBeUndefined();
  });
});

describe('setCookie', () => {
  it('writes the value as it is, HttpOnly and SameSite, and what the options name', () => {
    fc.assert(
      fc.property(cookies, value, (options, token) => {
        const header = setCookie(options, token);
        expect(header.startsWith(`${options.name}=${token};`)).toBe(true);
        expect(cookieValues(header, options.name)).toEqual([token]);
        expect(scopeOf(header)).toEqual(
          [
            'httponly',
            `path=${options.path}`,
            `samesite=${options.sameSite}`,
            ...(options.domain === undefined ? [] : [`domain=${options.domain}`]),
            ...(options.secure ? ['secure'] : []),
            ...(options.partitioned ? ['partitioned'] : []),
            ...(options.priority === undefined ? [] : [`priority=${options.priority}`]),
          ].sort(),
        );
        expect(header).not.toMatch(/max-age|expires/i);
      }),
    );
  });

  it('rounds the age down to seconds, and cuts it to what browsers keep', () => {
    const age = fc.double({ min: 0, max: 10 * MAX_COOKIE_AGE, noNaN: true });
    fc.assert(
      fc.property(age, (maxAge) => {
        const seconds = Number(/Max-Age=(\d+)(?:;|$)/.exec(setCookie(cookie, 'x', maxAge))![1]);
        expect(seconds * 1000).toBeLessThanOrEqual(Math.min(maxAge, MAX_COOKIE_AGE));
        expect((seconds + 1) * 1000).toBeGreaterThan(Math.min(maxAge, MAX_COOKIE_AGE));
      }),
    );
  });
});

describe('the age that browsers keep', () => {
  it('is 400 days', () => {
    expect(MAX_COOKIE_AGE).toBe(34_560_000_000);
    expect(setCookie(cookie, 'x', 2 * MAX_COOKIE_AGE)).toContain('; Max-Age=34560000;');
  });
});

describe('Max-Age=0', () => {
  it('never stands without Expires, and Expires never without it', () => {
    fc.assert(
      fc.property(cookies, fc.integer({ min: 0, max: 3_000 }), (options, maxAge) => {
        const header = setCookie(options, 'x', maxAge);
        expect(header.includes('; Max-Age=0;')).toBe(maxAge < 1_000);
        expect(header.includes('; Expires=Thu, 01 Jan 1970 00:00:00 GMT')).toBe(maxAge < 1_000);
      }),
    );
  });
});

describe('expireCookie', () => {
  it('empties the very cookie that setCookie sets', () => {
    fc.assert(
      fc.property(cookies, (options) => {
        const header = expireCookie(options);
        expect(header).toMatch(new RegExp(`^${options.name}=;`));
        expect(header).toContain('; Max-Age=0');
        expect(header).toContain('; Expires=Thu, 01 Jan 1970 00:00:00 GMT');
        expect(scopeOf(header)).toEqual(scopeOf(setCookie(options, 'x', 5_000)));
      }),
    );
  });
});

describe('cookieChanges', () => {
  it('sets and takes away a cookie of another name, to where the session cookie goes', () => {
    fc.assert(
      fc.property(cookies, (options) => {
        const [set, removal, ...more] = cookieChanges(options);
        expect(more).toEqual([]);
        expect(set).toMatch(new RegExp(`^${options.name}-ended=1;`));
        expect(removal).toMatch(new RegExp(`^${options.name}-ended=;`));
        // A client that keeps the first one keeps it for a second.
        expect(set!.match(/max-age=\d+|expires=/gi)).toEqual(['Max-Age=1']);
        expect(removal).toContain('; Max-Age=0;');
        expect(removal).toContain('; Expires=Thu, 01 Jan 1970 00:00:00 GMT');
        for (const header of [set!, removal!])
          expect(scopeOf(header)).toEqual(scopeOf(setCookie(options, 'x', 5_000)));
      }),
    );
  });
});
