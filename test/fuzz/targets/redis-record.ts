import { isDeepStrictEqual } from 'node:util';
import type { SessionRecord } from '../../../lib/core/model/record.js';
import { SessionError } from '../../../lib/core/util/errors.js';
import { decode } from '../../../lib/stores/redis/decode.js';
import { encode } from '../../../lib/stores/redis/encode.js';
import { must, type Target } from '../engine/target.js';
import { NOW } from './keys.js';

const ID = 'A'.repeat(22);
const HASH = 'h'.repeat(43);

const record: SessionRecord = {
  id: ID,
  secretHash: HASH,
  revision: 0,
  factors: {},
  createdAt: NOW,
  startedAt: NOW,
  lastSeenAt: NOW,
  rotatedAt: NOW,
  remember: false,
  data: { cart: '["a"]' },
};

const full: SessionRecord = {
  ...record,
  subject: 'alice',
  factors: { pwd: NOW },
  device: { ip: '192.0.2.1', userAgent: 'curl' },
  previous: {
    ...{ hash: HASH, until: NOW, honoured: true, nonce: 'n', pending: true, epoch: 2 },
    ...{ earlier: [{ hash: HASH, until: NOW }, { hash: HASH }], rest: { until: NOW } },
  },
  extra: { later: '1' },
};

const lines = (given: SessionRecord): string => encode(given).join('\n');

/** Of the fields that are repeated the last one counts, as in a hash there is one. */
function read(input: string): ReturnType<typeof decode> {
  return decode(ID, input === '' ? [] : input.split('\n'));
}

function check(input: string): void {
  let result: ReturnType<typeof decode>;
  try {
    result = read(input);
  } catch (error) {
    must(
      error instanceof SessionError && error.code === 'ERR_RECORD_CORRUPT',
      'the error is the one for it',
      String(error),
    );
    return;
  }
  if (result === undefined || 'ended' in result) return;
  must(Object.getPrototypeOf(result.data) === null, 'the data has no prototype');
  must(Object.getPrototypeOf(result.factors) === null, 'the factors have no prototype');
  const times = [result.revision, result.createdAt, result.startedAt, result.lastSeenAt, result.rotatedAt];
  must([...times, ...Object.values(result.factors)].every(Number.isFinite), 'every number is one', result);
  if (Object.values(result).includes(-0)) return;
  const again = decode(ID, encode(result));
  must(isDeepStrictEqual(plain(again), plain(result)), 'a record is read again as it was written', {
    result,
    again,
  });
}

/** Without prototypes, and with one zero: JSON writes them alike. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

export const redisRecordTarget: Target = {
  name: 'redis-record',
  seeds: [lines(record), lines(full), 'x\nevicted', 'v\n2', 'v', lines(full).replace('ps\n', 'pq\n')],
  words: [
    ...[
      '\n',
      'v\n1',
      'u\n',
      'd\n{}',
      'd\n{"__proto__":"x"}',
      'f\n{"__proto__":1}',
      ':__proto__\n1',
      '+__proto__\n1',
    ],
    ...[
      'f\n{"pwd":1e999}',
      'pr\n{}',
      'pr\n{"earlier":[]}',
      'pe\n1',
      'pp\n1',
      `ps\n${HASH}`,
      'x\n',
      'Infinity',
    ],
    ...['null', '[]', '{}', '1e400', '0x10', ' 1', '-0', '\u0000'],
  ],
  check,
  parse: (input) => {
    try {
      read(input);
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
    }
  },
};
