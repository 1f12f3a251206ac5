import fc from 'fast-check';
import {
  applyDelta,
  epochOf,
  mayCommit,
  type RecordDelta,
  type SessionRecord,
} from '../../../lib/core/model/record.js';
import { aPredecessor, aRecord } from '../../../lib/testing/contract/store-under-test.js';

const KEYS: string[] = ['a', 'b', 'c', 'constructor'];
const key = fc.constantFrom(...KEYS);
const texts = fc.dictionary(key, fc.constantFrom('1', '"two"', '[]'), { noNullPrototype: true });
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const predecessor = fc
  .record({ pending: fc.boolean(), epoch: fc.nat(3) })
  .map(({ pending, epoch }) => aPredecessor({ epoch, ...(pending && { pending }) }));

const records: fc.Arbitrary<SessionRecord> = fc
  .record({ data: texts, revision: fc.nat(9), previous: optional(predecessor) })
  .map(({ previous, ...rest }) => aRecord({ ...rest, ...(previous && { previous }) }));

const dataChanges = fc
  .record({ set: optional(texts), remove: optional(fc.uniqueArray(key)) })
  .map(({ set, remove }) => ({ ...(set && { set }), ...(remove && { remove }) }));

const heads = fc.record(
  { lastSeenAt: fc.nat(), rotatedAt: fc.nat(), factors: fc.constant({ otp: 7 }) },
  { requiredKeys: [] },
);

/** A frozen record, so that a change of it in place throws. */
function frozen(record: SessionRecord): SessionRecord {
  Object.freeze(record.data);
  return Object.freeze(record);
}

describe('applyDelta', () => {
  it('sets and removes the keys that the delta names, and changes neither the others nor the given record', () => {
    fc.assert(
      fc.property(records, dataChanges, (record, changes) => {
        const next = applyDelta(frozen(record), changes);
        for (const name of KEYS) {
          const removed = changes.remove?.includes(name);
          const set = changes.set !== undefined && Object.hasOwn(changes.set, name);
          const source = set ? changes.set! : record.data;
          const expected = !removed && Object.hasOwn(source, name) ? source[name] : undefined;
          expect(Object.hasOwn(next.data, name) ? next.data[name] : undefined).toBe(expected);
        }
      }),
    );
  });

  it('counts the revision up by one where data changes, and only there', () => {
    fc.assert(
      fc.property(records, dataChanges, heads, (record, changes, head) => {
        const concernsData = changes.set !== undefined || changes.remove !== undefined;
        const { revision } = applyDelta(frozen(record), { ...changes, head });
        expect(revision).toBe(record.revision + (concernsData ? 1 : 0));
      }),
    );
  });

  it('replaces the fields of the head one by one, and keeps every other field', () => {
    fc.assert(
      fc.property(records, heads, (record, head) => {
        expect(applyDelta(frozen(record), { head })).toEqual({ ...record, ...head });
      }),
    );
  });

  it('keeps fields that it does not know', () => {
    const record = { ...aRecord(), label: 'a later version' };
    const delta: Omit<RecordDelta, 'epoch'> = { set: { a: '1' }, head: { lastSeenAt: 1 } };
    expect(applyDelta(record, delta)).toMatchObject({ label: 'a later version' });
  });

  it('rotates: the new secret, and what is known of the old one', () => {
    fc.assert(
      fc.property(records, predecessor, (record, previous) => {
        const rotate = { from: record.secretHash, to: 'next', previous };
        expect(applyDelta(frozen(record), { rotate })).toEqual({ ...record, secretHash: 'next', previous });
      }),
    );
  });

  it('confirms the present secret while its rotation is pending, and otherwise omits only this part', () => {
    fc.assert(
      fc.property(records, fc.boolean(), texts, (record, present, set) => {
        const previous = aPredecessor();
        const secret = present ? record.secretHash : 'another';
        const next = applyDelta(frozen(record), { set, confirm: { secretHash: secret, previous } });
        const confirmed = present && record.previous?.pending === true;
        expect(next.previous).toEqual(confirmed ? previous : record.previous);
        expect(next.data).toEqual({ ...record.data, ...set });
      }),
    );
  });
});

describe('mayCommit', () => {
  it('lets those commit that opened the session at its present epoch', () => {
    fc.assert(
      fc.property(records, fc.nat(4), (record, epoch) => {
        expect(mayCommit(record, epoch)).toBe(epoch === epochOf(record));
      }),
    );
  });

  it('counts a record without predecessors, or with one of before there were epochs, as of epoch 0', () => {
    expect(epochOf(aRecord())).toBe(0);
    expect(epochOf(aRecord({ previous: aPredecessor() }))).toBe(0);
    expect(epochOf(aRecord({ previous: aPredecessor({ epoch: 3 }) }))).toBe(3);
  });
});
