import { isDeepStrictEqual } from 'node:util';
import { readContent, writeContent, type Content } from '../../../lib/stores/sealed/payload.js';
import { must, type Target } from '../engine/target.js';
import { NOW } from './keys.js';

const ID = 'A'.repeat(22);

const content: Content = {
  ...{ id: ID, version: 0, epoch: 'e', issuedAt: NOW, expiresAt: NOW + 1, endsAt: NOW + 2 },
  record: {
    ...{ id: ID, secretHash: '', revision: 0, factors: {}, createdAt: NOW, startedAt: NOW, lastSeenAt: NOW },
    ...{ rotatedAt: NOW, remember: false, data: { cart: '["a"]', seen: '"x"' } },
  },
};

const loggedIn: Content = {
  ...{ ...content, subject: 'alice', version: 2 },
  record: {
    ...{ ...content.record, subject: 'alice', factors: { pwd: NOW }, createdAt: NOW - 1, remember: true },
    ...{ device: { ip: '192.0.2.1', userAgent: 'curl' }, extra: { later: '1' } },
  },
};

function check(text: string): void {
  const read = readContent(text);
  if (!read) return;
  checkTypes(read);
  const again = readContent(writeContent(read));
  // Fields of a newer version are kept as JSON writes them.
  must(isDeepStrictEqual(plain(again), plain(read)), 'a content is read again as it was written', {
    read,
    again,
  });
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** What the rest of the library relies on. The cookie of another version has a valid seal, too. */
function checkTypes({ record, version, issuedAt, expiresAt, endsAt }: Content): void {
  must(Object.getPrototypeOf(record.data) === null, 'the data has no prototype');
  must(Object.getPrototypeOf(record.factors) === null, 'the factors have no prototype');
  const numbers = [version, issuedAt, expiresAt, endsAt, record.revision, record.createdAt, record.startedAt];
  const times = [record.lastSeenAt, record.rotatedAt, ...Object.values(record.factors)];
  must([...numbers, ...times].every(Number.isFinite), 'every number is one', record);
  must(
    Object.values(record.data).every((one) => typeof one === 'string'),
    'every value is a text',
    record.data,
  );
  must(record.subject === undefined || typeof record.subject === 'string', 'the subject is a text');
}

export const payloadTarget: Target = {
  name: 'payload',
  seeds: [writeContent(content), writeContent(loggedIn), '[1]\n', '{}\n', '[]'],
  words: [
    ...[
      '\n',
      'null',
      '{}',
      '[]',
      '[["__proto__",1]]',
      '[["a",0]]',
      '[null]',
      '[[]]',
      '["a"]',
      '[[{},0]]',
      '-1',
      '1e400',
    ],
    ...[
      '{"__proto__":1}',
      '{"createdAt":1}',
      '{"extra":{"__proto__":"1"}}',
      '{"extra":1}',
      '{"ip":1}',
      '0.5',
      '"a"',
    ],
  ],
  check,
  parse: (text) => void readContent(text),
};
