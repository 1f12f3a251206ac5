/** Keys that a careless store may misinterpret, and strings that it may not return unchanged. */
export const ODD_DATA: Readonly<Record<string, string>> = {
  cart: '{"b":1,"a":[1.0,2e3,"x"]}',
  constructor: '"own"',
  toString: 'null',
  hasOwnProperty: 'false',
  ['__proto__']: '{"polluted":true}',
  id: '"not the id"',
  secretHash: '"not the hash"',
  revision: '"99"',
  subject: '"mallory"',
  data: '{}',
  '0': '0',
  'a b.c:d/e{f}"g\'h\\i$j%k': '"signs"',
  'ключ-鍵-🔑': '"текст 文字 🗝 \\u0000 \\ud800 é"',
  spaced: ' { "a" : 1 } ',
  precise: '0.10000000000000000555',
  huge: '12345678901234567890',
  twice: '{"a":1,"a":2}',
  list: '[]',
  empty: '""',
};

export const ODD_KEYS = Object.keys(ODD_DATA);

/** Exceeds the size of a column, a message or a small buffer. Contains multi-byte characters. */
export const LONG_TEXT = JSON.stringify('x'.repeat(70_000) + '漢'.repeat(30_000) + 'end');

/** Returns an object with this number of strings. */
export const manyTexts = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key ${index}`, String(index)]));

/** Converts to pairs, because a comparison of objects may treat `__proto__` as the prototype. */
export const pairs = (texts: Readonly<Record<string, unknown>>): [string, unknown][] =>
  Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1));
