import type { ServerResponse } from 'node:http';
import fc from 'fast-check';
import { takeShared } from '../../lib/http/shared-headers.js';
import { unsentResponse } from '../support/unsent-response.js';

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

const textOf = (header: unknown): string => [header].flat().map(String).join();
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

describe.each(Object.keys(forms))('takeShared of %s', (form) => {
  const args = (pairs: Given) => forms[form]!(structuredClone(pairs));

  it('leaves none of the shared headers to writeHead, so that what is added later is sent', () => {
    fc.assert(
      fc.property(headers, (pairs) => {
        const [response, given] = [unsentResponse(), args(pairs)];
        takeShared(response, given);
        const left = asText(Object.entries((given.at(-1) as object | undefined) ?? {}) as Given);
        expect(left.filter(([one]) => SHARED.includes(one))).toEqual([]);
      }),
    );
  });

  it('sends the same as without it', () => {
    fc.assert(
      fc.property(headers, (pairs) => {
        const [response, given] = [unsentResponse(), args(pairs)];
        response.setHeader('Vary', 'Accept');
        response.setHeader('Set-Cookie', 'own=1');
        takeShared(response, given);
        const own: Given = [
          ['set-cookie', 'own=1'],
          ['vary', 'Accept'],
        ];
        expect(sent(response, given)).toEqual([...new Map([...asText(own), ...asText(pairs)])].sort());
      }),
    );
  });

  it('changes nothing of what the application handed in', () => {
    fc.assert(
      fc.property(headers, (pairs) => {
        const given = args(pairs);
        const [handedIn] = given.slice(-1);
        const copy = structuredClone(handedIn);
        takeShared(unsentResponse(), given);
        expect(handedIn).toEqual(copy);
      }),
    );
  });
});

describe('takeShared', () => {
  it('keeps every value of a header that a list names more than once', () => {
    const response = unsentResponse();
    const args = [200, ['Set-Cookie', 'a=1', 'X-One', '1', 'set-cookie', 'b=2', 'x-one', '2']];
    takeShared(response, args);
    expect(args).toEqual([200]);
    expect(response.getHeader('Set-Cookie')).toEqual(['a=1', 'b=2']);
    expect(response.getHeader('X-One')).toEqual(['1', '2']);
  });

  it.each([[[200]], [[200, 'Fine']], [[200, undefined]], [[200, null]]])('leaves %j alone', (args) => {
    const response = unsentResponse();
    takeShared(response, args);
    expect(setOn(response)).toEqual([]);
  });
});
