import fc from 'fast-check';
import { addVary, keepPrivate } from '../../../lib/http/headers/cache-headers.js';
import { unsentResponse } from '../../support/unsent-response.js';

const directive = fc.constantFrom(
  'public',
  'Public',
  'private',
  'no-store',
  'No-Store',
  'no-cache',
  'max-age=60',
  's-maxage=600',
  'must-revalidate',
);
const list = <T>(item: fc.Arbitrary<T>) =>
  fc
    .tuple(fc.uniqueArray(item, { maxLength: 5 }), fc.constantFrom(',', ', ', ' ,'))
    .map(([items, comma]) => items.join(comma));

const directivesOf = (header: unknown): string[] =>
  String(header)
    .split(',')
    .map((one) => one.trim().toLowerCase());

/** The Cache-Control header after an application has said this. */
function cacheControl(given: string | undefined, loggedIn: boolean): string[] {
  const response = unsentResponse();
  if (given !== undefined) response.setHeader('Cache-Control', given);
  keepPrivate(response, loggedIn);
  expect(response.getHeader('Vary')).toBe('Cookie');
  return directivesOf(response.getHeader('Cache-Control'));
}

describe('keepPrivate', () => {
  it('defaults to private for an anonymous session and to no-store for a logged-in one', () => {
    expect(cacheControl(undefined, false)).toEqual(['private']);
    expect(cacheControl(undefined, true)).toEqual(['private', 'no-store']);
  });

  it('never allows shared caches, and adds at most one directive to those of the application', () => {
    fc.assert(
      fc.property(list(directive), fc.boolean(), (given, loggedIn) => {
        const before = directivesOf(given).filter((one) => one !== '');
        const after = cacheControl(given, loggedIn);
        expect(after.some((one) => one === 'private' || one === 'no-store')).toBe(true);
        const isClosed = before.some((one) => one === 'private' || one === 'no-store');
        const kept = before.filter((one) => isClosed || !/^(?:public|s-maxage=.*)$/.test(one));
        expect(after).toEqual(isClosed ? before : ['private', ...kept]);
      }),
    );
  });
});

describe('a Cache-Control of the application', () => {
  it.each([
    // What only resembles a directive is none.
    ['x-private', 'private, x-private'],
    ['private="set-cookie"', 'private, private="set-cookie"'],
    ['x-no-store', 'private, x-no-store'],
    ['no-store-x', 'private, no-store-x'],
    ['x-public', 'private, x-public'],
    ['public-x', 'private, public-x'],
    ['xs-maxage=60', 'private, xs-maxage=60'],
    ['s-maxage', 'private, s-maxage'],
    ['s-maxage=', 'private'],
    ['s-maxage=600', 'private'],
    ['', 'private'],
    [' , max-age=60 ,, public ', 'private, max-age=60'],
    ['NO-STORE', 'NO-STORE'],
  ])('%p becomes %p', (given, becomes) => {
    const response = unsentResponse();
    response.setHeader('Cache-Control', given);
    keepPrivate(response, true);
    expect(response.getHeader('Cache-Control')).toBe(becomes);
  });
});

describe('headers for one cache', () => {
  it('are closed where the application has set them, and not added where it has not', () => {
    const response = unsentResponse();
    response.setHeader('CDN-Cache-Control', 'max-age=60');
    response.setHeader('X-Accel-Expires', '60');
    keepPrivate(response, false);
    expect(response.getHeaders()).toEqual({
      vary: 'Cookie',
      'cache-control': 'private',
      'cdn-cache-control': 'no-store',
      'x-accel-expires': '0',
    });
  });
});

describe('addVary', () => {
  it('sets what it is given where there is nothing', () => {
    const response = unsentResponse();
    addVary(response, 'Cookie, Accept');
    expect(response.getHeader('Vary')).toBe('Cookie, Accept');
  });

  it('drops empty names, and compares without case', () => {
    const response = unsentResponse();
    response.setHeader('Vary', ', accept ,,Origin');
    addVary(response, 'Cookie,ACCEPT, ,origin');
    expect(response.getHeader('Vary')).toBe('accept, Origin, Cookie');
  });

  it('adds each name once, whatever its case, and keeps what was there in its order', () => {
    const name = fc.constantFrom('Cookie', 'cookie', 'Accept', 'Origin', 'accept-encoding');
    fc.assert(
      fc.property(list(name), list(name), (given, added) => {
        const response = unsentResponse();
        if (given !== '') response.setHeader('Vary', given);
        addVary(response, added);
        const [before, after] = [directivesOf(given), directivesOf(response.getHeader('Vary'))];
        expect(after.filter((one) => one !== '').slice(0, given === '' ? 0 : before.length)).toEqual(
          given === '' ? [] : before,
        );
        expect(new Set(after)).toEqual(
          new Set([...before, ...directivesOf(added)].filter((one) => one !== '' || given + added === '')),
        );
      }),
    );
  });

  it('leaves * alone', () => {
    const response = unsentResponse();
    response.setHeader('Vary', 'Accept, *');
    addVary(response, 'Cookie');
    expect(response.getHeader('Vary')).toBe('Accept, *');
  });
});
