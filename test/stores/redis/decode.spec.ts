import type { SessionRecord } from '../../../lib/core/model/record.js';
import { decode } from '../../../lib/stores/redis/decode.js';
import { encode } from '../../../lib/stores/redis/encode.js';

const ID = 'A'.repeat(22);
const NOW = Date.UTC(2030, 0, 1);
const record: SessionRecord = {
  ...{ id: ID, secretHash: 'h', revision: 0, factors: { pwd: NOW }, createdAt: NOW, startedAt: NOW },
  ...{ lastSeenAt: NOW, rotatedAt: NOW, remember: false, data: { cart: '[]' } },
};

const corrupt = expect.objectContaining({ code: 'ERR_RECORD_CORRUPT' });

describe('the fields of a record in Redis', () => {
  it('are read as they were written', () => {
    expect(decode(ID, encode(record))).toEqual(record);
  });

  it.each(['{"pwd":1e400}', '{"pwd":"1"}', '{"pwd":null}', '[1]', '1', ''])(
    'are corrupt with the factors %s',
    (factors) => {
      expect(() => decode(ID, [...encode(record), 'f', factors])).toThrow(corrupt);
    },
  );
});
