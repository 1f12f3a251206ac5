import { readContent, writeContent, type Content } from '../../../lib/stores/sealed/payload.js';

const ID = 'A'.repeat(22);
const NOW = Date.UTC(2030, 0, 1);

const content: Content = {
  ...{ id: ID, version: 1, epoch: 'e', issuedAt: NOW, expiresAt: NOW + 1, endsAt: NOW + 2, subject: 'alice' },
  record: {
    ...{ id: ID, secretHash: '', revision: 3, subject: 'alice', factors: { pwd: NOW }, createdAt: NOW - 1 },
    ...{ startedAt: NOW, lastSeenAt: NOW, rotatedAt: NOW, remember: true, data: { cart: '["a"]' } },
    ...{ device: { ip: '192.0.2.1' }, extra: { later: '1' } },
  },
};

/** The text with one element of its first line replaced by a JSON text. */
function altered(at: number, json: string): string {
  const [line = '', values = ''] = writeContent(content).split('\n');
  const head = JSON.parse(line) as unknown[];
  const texts = head.map((element, i) => (i === at ? json : JSON.stringify(element)));
  return `[${texts.join(',')}]\n${values}`;
}

describe('the content of a sealed cookie', () => {
  it('is read as it was written', () => {
    expect(readContent(writeContent(content))).toEqual(content);
  });

  // A cookie of another version, or of an application with the same secret, has a valid seal as well.
  it.each<[string, number, string]>([
    ['a layout of another version', 0, '2'],
    ['an id that is no text', 1, '1'],
    ['a version that is no number', 2, '"1"'],
    ['a list epoch that is no text', 3, 'null'],
    ...[4, 5, 6, 7, 8, 9].map((at): [string, number, string] => [`an infinite time at ${at}`, at, '1e400']),
    ['a revision that is no number', 11, '"3"'],
    ['factors that are a list', 12, '[1]'],
    ['no factors', 12, 'null'],
    ['a factor whose time is infinite', 12, '{"pwd":1e400}'],
    ['a subject that is no text', 13, '7'],
    ['a device that is a text', 14, '"curl"'],
    ['a beginning that is infinite', 14, '{"createdAt":1e400}'],
    ['fields of a newer version that are no object', 14, '{"extra":1}'],
    ['lengths that are no list', 15, '{}'],
    ['a length that is no pair', 15, '[null]'],
    ['a key that is no text', 15, '[[{},5]]'],
    ['a length that is negative', 15, '[["a",-1],["b",6]]'],
    ['a length that is no whole number', 15, '[["a",4.5],["b",0.5]]'],
    ['lengths that are shorter than the values', 15, '[["cart",4]]'],
    ['lengths that are longer than the values', 15, '[["cart",6]]'],
  ])('is not read with %s', (_what, at, json) => {
    expect(readContent(altered(at, json))).toBeUndefined();
  });

  it.each(['', '[]', '[1]\n', '{}\n', 'null\n', '[1'])('is not read from %j', (text) => {
    expect(readContent(text)).toBeUndefined();
  });
});
