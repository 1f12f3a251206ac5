import {
  applyDelta,
  DEVICE_CHALLENGE,
  DEVICE_KEY,
  fieldOf,
  keyConflicts,
  plainDevice,
  type KeyChange,
} from '../../../lib/core/model/record.js';
import { aRecord } from '../../../lib/testing/contract/store-under-test.js';

const bound = { later: '1', [DEVICE_KEY]: 'key' };
const answered = { ...bound, [DEVICE_CHALLENGE]: '100' };

describe('what a record keeps of its device', () => {
  it('has names that records of earlier versions have', () => {
    expect(fieldOf({ bind: 'key' })).toEqual({ deviceKey: 'key' });
    expect(fieldOf({ challenge: 7 })).toEqual({ deviceChallenge: '7' });
  });

  it.each<[string, Record<string, string> | undefined, KeyChange, boolean]>([
    ['the first key', undefined, { bind: 'key' }, false],
    ['the first key beside other fields', { later: '1' }, { bind: 'key' }, false],
    ['the same key again', bound, { bind: 'key' }, false],
    ['another key', bound, { bind: 'another' }, true],
    ['the first challenge', undefined, { challenge: 100 }, false],
    ['the first challenge of a bound session', bound, { challenge: 1 }, false],
    ['a challenge of no time', bound, { challenge: 0 }, true],
    ['a later challenge', answered, { challenge: 101 }, false],
    ['the same challenge again', answered, { challenge: 100 }, true],
    ['an earlier challenge', answered, { challenge: 99 }, true],
    ['a challenge after one that cannot be read', { [DEVICE_CHALLENGE]: 'x' }, { challenge: 1 }, true],
  ])('%s', (_, extra, key, conflicts) => {
    const record = aRecord(extra && { extra });
    const conflicting = keyConflicts(record, key);
    expect(conflicting).toBe(conflicts);
    // What conflicts is left as it is, and every other field stays.
    const expected = conflicts ? record : { ...record, extra: { ...extra, ...fieldOf(key) } };
    expect(applyDelta(record, { key })).toStrictEqual(expected);
  });
});

describe('the device in the list of sessions', () => {
  it.each([
    [
      { ip: '::ffff:192.0.2.1', userAgent: 'x' },
      { ip: '192.0.2.1', userAgent: 'x' },
    ],
    [{ ip: '2001:db8::1' }, { ip: '2001:db8::1' }],
    [{ userAgent: 'x' }, { userAgent: 'x' }],
    [{}, {}],
  ])('%j has its address as requests have it', (device, expected) => {
    expect(plainDevice(device)).toStrictEqual(expected);
  });
});
