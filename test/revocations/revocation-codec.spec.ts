import { MemoryRevocations } from 'nest-sessions/sealed';
import { newId } from '../../lib/core/token/ids.js';
import { readRevocation, writeRevocation } from '../../lib/revocations/revocation-codec.js';
import {
  revocationOf,
  subjectRevocationOf,
  type Revocation,
  type RevocationList,
} from '../../lib/revocations/revocation-list.js';
import { SharedRevocations } from '../../lib/revocations/replicated.js';
import { describeHost, hosts, startHost, type RevocationHost } from '../support/revocation-hosts.js';

const LATER = 1e15;
const id = newId();
const terms = { why: 'ended', grace: 0, honoured: false } as const;
const unavailable = expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE' });

/** What a clock that fails makes of a revocation. */
const TIMELESS: [string, Revocation][] = [
  ['no expiry', revocationOf(id, NaN, terms)],
  ['no rank', subjectRevocationOf('alice', NaN, LATER)],
  ['no rank for a session', revocationOf(id, LATER, terms, NaN)],
];

/** These a table in memory can keep; a list cannot. */
const UNREADABLE: [string, Revocation][] = [
  ...TIMELESS,
  ['an endless expiry', revocationOf(id, Infinity, terms)],
  ['an expiry after all dates', revocationOf(id, 8.65e15, terms)],
  ['an expiry before all dates', revocationOf(id, -1, terms)],
  ['no grace', revocationOf(id, LATER, { ...terms, grace: NaN })],
  ['no end of the grace', revocationOf(id, LATER, { ...terms, why: 'rotated', confirmed: NaN })],
  ['no beginning', subjectRevocationOf('alice', 5, LATER, { at: NaN })],
];

describe('a stored revocation', () => {
  const { rank, until, body } = writeRevocation(revocationOf(id, 1_000.5, terms, 3), 'nonce');

  it('is read as it was written, its times rounded up', () => {
    expect(readRevocation(rank, until, body)).toEqual(revocationOf(id, 1_001, terms, 3));
  });

  it.each(['NaN', 'nan', 'Infinity', '-1', '1e3', '1.5', ' 7', '', '10000000000000000', NaN, 1_000, null])(
    'is left out with %p for its rank or its expiry',
    (time) => {
      expect(readRevocation(rank, time, body)).toBeUndefined();
      expect(readRevocation(time, until, body)).toBeUndefined();
    },
  );

  it.each(UNREADABLE)('is not written with %s', (_, revocation) => {
    expect(() => writeRevocation(revocation, 'nonce')).toThrow(unavailable);
  });
});

describe('the list in memory', () => {
  it.each(TIMELESS)('refuses a revocation with %s', async (_, revocation) => {
    const list = new MemoryRevocations();
    await expect(list.add(revocation)).rejects.toEqual(unavailable);
    expect(list.size).toBe(0);
    list.sweep();
  });
});

for (const [name] of hosts)
  describeHost(name, `the list in ${name}`, () => {
    let host: RevocationHost;
    let list: RevocationList;
    beforeAll(async () => {
      host = await startHost(name);
      list = await host.list();
    }, 60_000);
    afterAll(() => host.stop(), 60_000);

    it.each(UNREADABLE)('refuses a revocation with %s, and writes nothing', async (_, revocation) => {
      await expect(list.add(revocation)).rejects.toEqual(unavailable);
      expect(await host.count()).toBe(0);
    });
  });

describe('the copy of a shared list', () => {
  it.each(TIMELESS)('is not current after a page that holds a revocation with %s', async (_, revocation) => {
    const list = new SharedRevocations({
      changes: () =>
        Promise.resolve({
          epoch: 'one',
          time: 0,
          cursor: 1,
          revocations: [revocation],
          unreadable: 0,
          more: false,
        }),
      add: () => Promise.reject(new Error('not used')),
      listen: () => () => undefined,
    });
    await expect(list.sync()).rejects.toEqual(unavailable);
    await expect(list.fresh()).rejects.toEqual(unavailable);
  });
});
