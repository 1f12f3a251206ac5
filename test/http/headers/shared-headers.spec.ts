import type { ServerResponse } from 'node:http';
import fc from 'fast-check';
import { addCookie, headersOfHead, type GivenHeaders } from '../../../lib/http/headers/shared-headers.js';
import { unsentResponse } from '../../support/unsent-response.js';

const name = fc.constantFrom(
  'Set-Cookie',
  'set-cookie',
  'Vary',
  'CACHE-CONTROL',
  'X-One',
  'etag',
  'Location',
  'x',
);
const value = fc.oneof(
  fc.constantFrom('a', 'b=1', ''),
  fc.array(fc.constantFrom('c', 'd=2'), { minLength: 1, maxLength: 2 }),
  fc.nat(9),
);
/** Names that differ in more than their case: two spellings of a header are two headers to nobody. */
const headers = fc.uniqueArray(fc.tuple(name, value), {
  selector: ([one]) => one.toLowerCase(),
  maxLength: 5,
});
type Given = [string, string | string[] | number][];

const forms: Record<string, (pairs: Given) => unknown[]> = {
  'an object': (pairs) => [200, Object.fromEntries(pairs)],
  'an object after a message': (pairs) => [200, 'Fine', Object.fromEntries(pairs)],
  'a flat list': (pairs) => [200, pairs.flat()],
  pairs: (pairs) => [200, pairs],
};

const SHARED = ['set-cookie', 'vary', 'cache-control'];

const textOf = (header: unknown): string => [header ?? []].flat().map(String).join();
const asText = (pairs: Given) =>
  pairs.map(([one, text]): [string, string] => [one.toLowerCase(), textOf(text)]).sort();
const setOn = (response: ServerResponse): [string, string][] =>
  Object.entries(response.getHeaders())
    .map(([one, text]): [string, string] => [one, textOf(text)])
    .sort();

/** What would be sent: the headers of the response, and over them those that are left to `writeHead`. */
function sent(response: ServerResponse, args: unknown[]): [string, string][] {
  const left = args.at(-1);
  const rest = typeof left === 'object' && left !== null ? (Object.entries(left) as Given) : [];
  return [...new Map([...setOn(response), ...asText(rest)])].sort();
}

describe.each(Object.keys(forms))('headersOfHead with %s', (form) => {
  const args = (pairs: Given) => forms[form]!(structuredClone(pairs));

  it('returns headers that can be extended, with and without headers on the response', () => {
    fc.assert(
      fc.property(headers, fc.boolean(), (pairs, isSet) => {
        const [response, given] = [unsentResponse(), args(pairs)];
        if (isSet) response.setHeader('Vary', 'Accept');
        const expected = new Map([...(isSet ? asText([['vary', 'Accept']]) : []), ...asText(pairs)]);
        const head = headersOfHead(response, given);
        for (const one of SHARED)
          expect(textOf(head.getHeader(one))).toBe(textOf(expectedOf(pairs, one, isSet)));
        addCookie(head, 'session=1');
        head.setHeader('Cache-Control', 'private');
        const cookies = expected.get('set-cookie');
        expected.set('set-cookie', cookies === undefined ? 'session=1' : `${cookies},session=1`);
        expected.set('cache-control', 'private');
        expect(sent(response, given)).toEqual([...expected].sort());
      }),
    );
  });

  it('sends the same as without it', () => {
    fc.assert(
      fc.property(headers, (pairs) => {
        const [response, given] = [unsentResponse(), args(pairs)];
        response.setHeader('Vary', 'Accept');
        response.setHeader('Set-Cookie', 'own=1');
        headersOfHead(response, given);
        const own: Given = [
          ['set-cookie', 'own=1'],
          ['vary', 'Accept'],
        ];
        expect(sent(response, given)).toEqual([...new Map([...asText(own), ...asText(pairs)])].sort());
      }),
    );
  });

  it('does not change the headers of the application', () => {
    fc.assert(
      fc.property(headers, (pairs) => {
        const given = args(pairs);
        const [handedIn] = given.slice(-1);
        const copy = structuredClone(handedIn);
        const head = headersOfHead(unsentResponse(), given);
        addCookie(head, 'session=1');
        head.setHeader('Vary', 'Cookie');
        expect(handedIn).toEqual(copy);
      }),
    );
  });
});

/** The values of a shared header before it is extended. */
function expectedOf(pairs: Given, name: string, isSet: boolean): unknown {
  const [, value] = pairs.findLast(([one]) => one.toLowerCase() === name) ?? [];
  if (value === undefined) return isSet && name === 'vary' ? 'Accept' : undefined;
  return value;
}

describe('headersOfHead', () => {
  it.each(['Set-Cookie', 'Cache-Control', 'Vary', 'Clear-Site-Data', 'CDN-Cache-Control', 'X-Accel-Expires'])(
    'moves %s to a response with headers, whatever its spelling, and no other header',
    (name) => {
      const response = unsentResponse();
      response.setHeader('X-Own', '1');
      // Another one of the same length.
      const other = 'x'.repeat(name.length);
      for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
        const args = [200, { [spelling]: 'a', [other]: 'b' }];
        expect(headersOfHead(response, args).getHeader(name)).toBe(
          name === 'Set-Cookie' ? response.getHeader(name) : 'a',
        );
        expect(String(response.getHeader(name))).toBe('a');
        expect(args).toEqual([200, { [other]: 'b' }]);
      }
    },
  );

  it('passes the headers on as they are where a response with headers has none to extend', () => {
    const response = unsentResponse();
    response.setHeader('X-Own', '1');
    const headers = { link: '</a>', 'x-one': '1' };
    const args = [200, headers];
    expect(headersOfHead(response, args)).toBe(response);
    expect(args[1]).toBe(headers);
  });

  it('leaves out an empty name of a list', () => {
    const response = unsentResponse();
    headersOfHead(response, [200, ['', 'a', 'X-One', '1']]);
    expect(setOn(response)).toEqual([['x-one', '1']]);
  });

  it('moves to the response what was added, and what is given and shared, if the head could not be written', () => {
    const response = unsentResponse();
    const given = { 'X-One': '1', 'x-two': '2', vary: 'Accept' };
    const head = headersOfHead(response, [200, given]) as GivenHeaders;
    head.setHeader('X-Two', '3');
    head.setHeader('X-Three', '4');
    head.moveTo(response);
    expect(setOn(response)).toEqual([
      ['vary', 'Accept'],
      ['x-three', '4'],
      ['x-two', '3'],
    ]);
  });

  it('keeps every value of a header that a list names more than once', () => {
    const response = unsentResponse();
    const args = [200, ['Set-Cookie', 'a=1', 'X-One', '1', 'set-cookie', 'b=2', 'x-one', '2']];
    headersOfHead(response, args);
    expect(args).toEqual([200]);
    expect(response.getHeader('Set-Cookie')).toEqual(['a=1', 'b=2']);
    expect(response.getHeader('X-One')).toEqual(['1', '2']);
  });

  it('sets nothing on a response that has no headers, for an object of them', () => {
    const response = unsentResponse();
    const args = [200, { 'X-One': '1', vary: 'Accept' }];
    const head = headersOfHead(response, args);
    head.setHeader('Vary', 'Accept, Cookie');
    expect(setOn(response)).toEqual([]);
    expect(args).toEqual([200, { 'X-One': '1', vary: 'Accept, Cookie' }]);
  });

  it('moves what was added to the response if the head could not be written', () => {
    const response = unsentResponse();
    const head = headersOfHead(response, [200, { 'X-One': '1', 'set-cookie': 'a=1' }]) as GivenHeaders;
    addCookie(head, 'session=1');
    head.setHeader('Clear-Site-Data', '"cache"');
    head.moveTo(response);
    expect(setOn(response)).toEqual([
      ['clear-site-data', '"cache"'],
      ['set-cookie', 'a=1,session=1'],
    ]);
  });

  it.each([[[200]], [[200, 'Fine']], [[200, undefined]], [[200, null]]])('leaves %j alone', (args) => {
    const response = unsentResponse();
    expect(headersOfHead(response, args)).toBe(response);
    expect(setOn(response)).toEqual([]);
  });
});
