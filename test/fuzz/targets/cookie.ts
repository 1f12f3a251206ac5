import { cookieValues, decodeValue, setCookie } from '../../../lib/core/token/cookie.js';
import { must, type Target } from '../engine/target.js';
import { NAME } from './keys.js';

const cookie = { name: NAME, path: '/', sameSite: 'lax', secure: true, partitioned: false } as const;

/** What the grammar says, written without regard to speed. Blanks are space and tab, and nothing else. */
const byTheGrammar = (header: string): string[] =>
  header
    .split(';')
    .map(trimmed)
    .filter((pair) => pair.startsWith(`${NAME}=`))
    .map((pair) => trimmed(pair.slice(NAME.length + 1)));

const trimmed = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '');

/** cookie-octet (RFC 6265 §4.1.1) */
const OCTETS = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/;

export const cookieTarget: Target = {
  name: 'cookie',
  seeds: [
    `${NAME}=s:abc.def`,
    `a=1; ${NAME}=s%3Aabc.def; b=2`,
    `${NAME}=one; ${NAME}=two`,
    `${NAME}; ${NAME}==; =${NAME}; x${NAME}=1; ${NAME}2=3`,
    `\t${NAME}=\t a b \t;;`,
  ],
  words: [NAME, `${NAME}=`, ';', '; ', '=', '%', '%3A', '%C3%A9', '%ff', '\t', '"'],
  check(header) {
    const values = cookieValues(header, NAME);
    const expected = header.length > 2_048 ? values : byTheGrammar(header);
    must(values.length === expected.length, 'every value of the name is found', { values, expected });
    for (const [i, value] of values.entries()) {
      must(value === expected[i], 'the value is that of the grammar', { value, expected: expected[i] });
      const decoded = decodeValue(value);
      must(
        decoded !== undefined || value.includes('%'),
        'a value without a percent sign is what it is',
        value,
      );
      if (OCTETS.test(value)) {
        const [written] = cookieValues(setCookie(cookie, value), NAME);
        must(written === value, 'a value is read as it was written', { value, written });
      }
    }
    must(
      cookieValues(header, 'absent-from-it').length === 0 || header.includes('absent-from-it'),
      'no other name',
    );
  },
  parse: (header) => {
    for (const value of cookieValues(header, NAME)) decodeValue(value);
  },
};
