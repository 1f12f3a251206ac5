import {
  confirmedOf,
  LAST_TIME,
  readRevocation,
  scopeOf,
  writeRevocation,
} from '../../lib/revocations/revocation-codec.js';
import {
  ALL_VERSIONS,
  hashedSubjectRevocationOf,
  revocationOf,
  type Revocation,
} from '../../lib/revocations/revocation-list.js';
import { MOST_PER_SUBJECT } from '../../lib/revocations/revocation-table.js';

const [A, B, SUBJECT] = ['a', 'b', 's'].map((letter) => letter.repeat(22)) as [string, string, string];
const idOf = (i: number) => String(i).padStart(22, '-');
const ids = (count: number) => Array.from({ length: count }, (_, i) => idOf(i));

const ended = { why: 'ended', grace: 0, honoured: false } as const;
const rotated = { why: 'rotated', grace: 9, honoured: true, confirmed: 5, older: 4, device: '{}' } as const;

/** An entry of one session with some fields that its writer cannot have meant. */
const ofSession = (change: object, key = `s:${A}`): string =>
  JSON.stringify([key, { kind: 'session', id: A, ...ended, ...change }, 'nonce']);

/** The same for a subject, under the key of its scope. */
function ofSubject(scope: object, change: object = {}, rank = 5): string {
  const { key, terms } = hashedSubjectRevocationOf(SUBJECT, rank, 7, scope);
  return JSON.stringify([key, { ...terms, ...change }, 'nonce']);
}

const read = (body: unknown, { rank = '5', until = '7' } = {}) => readRevocation(rank, until, body);

describe('an entry of a list', () => {
  it('is written with its times rounded up, and the nonce in its body', () => {
    expect(writeRevocation(revocationOf(A, 1_000.5, ended, 2.5), 'nonce')).toStrictEqual({
      key: `s:${A}`,
      rank: '3',
      until: '1001',
      body: JSON.stringify([`s:${A}`, { kind: 'session', id: A, ...ended }, 'nonce']),
    });
  });

  it.each<[string, Revocation]>([
    ['an ended session', revocationOf(A, 7, ended)],
    ['a replaced session', revocationOf(A, 7, { ...ended, why: 'replaced' })],
    ['an evicted session', revocationOf(A, 7, { ...ended, why: 'evicted' })],
    ['a rotation', revocationOf(A, 7, { ...ended, why: 'rotated' }, 3)],
    ['a confirmed rotation with a device', revocationOf(A, 7, rotated, 3)],
    ['times at the epoch', revocationOf(A, 0, { ...rotated, grace: 0, confirmed: 0, older: 0 }, 0)],
    ['the latest times', revocationOf(A, LAST_TIME, { ...ended, grace: LAST_TIME, confirmed: LAST_TIME })],
    ['all of a subject', hashedSubjectRevocationOf(SUBJECT, 5, 7)],
    ['all, with a time', hashedSubjectRevocationOf(SUBJECT, 5, 7, { at: 0 })],
    ['all, at the latest time', hashedSubjectRevocationOf(SUBJECT, LAST_TIME, 7, { at: LAST_TIME })],
    ['all but some', hashedSubjectRevocationOf(SUBJECT, 5, 7, { except: [A, B], at: 3 })],
    ['some', hashedSubjectRevocationOf(SUBJECT, 5, 7, { only: [A, B] })],
    ['as many as are kept', hashedSubjectRevocationOf(SUBJECT, 5, 7, { except: ids(MOST_PER_SUBJECT) })],
  ])('is read as it was written: %s', (_, revocation) => {
    const { rank, until, body } = writeRevocation(revocation, 'nonce');
    expect(readRevocation(rank, until, body)).toStrictEqual(revocation);
  });

  it('is not written if nobody could read it, with a cause that names it', () => {
    expect(() => writeRevocation(revocationOf(A, NaN, ended), 'nonce')).toThrow(
      expect.objectContaining({
        code: 'ERR_STORE_UNAVAILABLE',
        cause: expect.objectContaining({ message: expect.stringContaining(`s:${A}`) }),
      }),
    );
  });

  it('is read without the fields that this version does not know', () => {
    expect(read(ofSession({ extra: 1 }))).toStrictEqual(revocationOf(A, 7, ended, 5));
    expect(read(ofSubject({}, { extra: 1 }))).toStrictEqual(hashedSubjectRevocationOf(SUBJECT, 5, 7));
    // A revocation of some sessions has no beginning.
    expect(read(ofSubject({ only: [A] }, { at: 3 }))).toStrictEqual(
      hashedSubjectRevocationOf(SUBJECT, 5, 7, { only: [A] }),
    );
  });

  it.each([
    ['another reason', { why: 'nonsense' }],
    ['a reason that every object has', { why: 'toString' }],
    ['a list of reasons', { why: ['ended'] }],
    ['a grace in words', { grace: 'soon' }],
    ['a grace as text', { grace: '5' }],
    ['a grace before the epoch', { grace: -1 }],
    ['a grace after all dates', { grace: LAST_TIME + 1 }],
    ['no grace', { grace: undefined }],
    ['text for whether it is honoured', { honoured: 'yes' }],
    ['a confirmation that is no time', { confirmed: 'soon' }],
    ['an older end that is no time', { older: 'soon' }],
    ['a device that is no text', { device: 7 }],
    ['a device that is null', { device: null }],
    ['another kind', { kind: 'sessions' }],
    ['no kind', { kind: undefined }],
  ])('of a session is left out with %s', (_, change) => {
    expect(read(ofSession(change))).toBeUndefined();
  });

  it.each([
    ['an id that is none', 'short'],
    ['no id', 7],
  ])('of a session is left out with %s, also under its own key', (_, id) => {
    expect(read(ofSession({ id }, `s:${id}`))).toBeUndefined();
  });

  it.each([
    ['another kind', ofSubject({}, { kind: 'subjects' })],
    ['spared sessions that are no list', ofSubject({}, { except: 'all' })],
    ['a spared session that is no id', ofSubject({ except: [A, 'short'] })],
    ['too many spared sessions', ofSubject({ except: ids(MOST_PER_SUBJECT + 1) })],
    ['sessions that are no list', ofSubject({ only: [A] }, { only: 7 })],
    ['one session that is no id', ofSubject({ only: [A, 'short'] })],
    ['too many sessions', ofSubject({ only: ids(MOST_PER_SUBJECT + 1) })],
    ['no session at all', ofSubject({ only: [] })],
    ['a beginning that is no time', ofSubject({}, { at: 'soon' })],
    ['a beginning of some sessions that is no time', ofSubject({ only: [A] }, { at: 'soon' })],
  ])('of a subject is left out with %s', (_, body) => {
    expect(read(body)).toBeUndefined();
  });

  it('of a subject is left out if the subject is no digest', () => {
    const { key, terms } = hashedSubjectRevocationOf('alice', 5, 7);
    expect(read(JSON.stringify([key, terms, '']))).toBeUndefined();
  });

  it('of a subject is left out if its rank is after all dates', () => {
    const at = (rank: number) => read(ofSubject({}, {}, rank), { rank: String(rank) });
    expect(at(LAST_TIME)).toBeDefined();
    expect(at(LAST_TIME + 1)).toBeUndefined();
  });

  it('is left out under the key of another scope', () => {
    expect(read(ofSession({}, `s:${B}`))).toBeUndefined();
    expect(read(ofSubject({}, { except: [A] }))).toBeUndefined();
  });

  it.each(['0', '5', String(ALL_VERSIONS), '0000000000000005'])(
    'has a rank of at most 16 digits: %s',
    (rank) => {
      expect(read(ofSession({}), { rank })).toStrictEqual(revocationOf(A, 7, ended, Number(rank)));
    },
  );

  it.each(['9007199254740992', '00000000000000005', '7 ', ' 7', 'seven', ''])(
    'is left out with another rank or expiry: %j',
    (time) => {
      expect(read(ofSession({}), { rank: time })).toBeUndefined();
      expect(read(ofSession({}), { until: time })).toBeUndefined();
    },
  );

  it('is left out if it expires after all dates', () => {
    expect(read(ofSession({}), { until: String(LAST_TIME) })).toBeDefined();
    expect(read(ofSession({}), { until: String(LAST_TIME + 1) })).toBeUndefined();
  });

  it('is left out if its body is longer than 64 KiB', () => {
    const [longest, longer] = [65_536, 65_537].map((length) => ofSession({}).padEnd(length));
    expect(read(longest)).toBeDefined();
    expect(read(longer)).toBeUndefined();
  });

  it.each([
    undefined,
    null,
    7,
    ['x'],
    '[',
    '',
    'null',
    '{}',
    '7',
    '[]',
    '["x"]',
    '["x",null,""]',
    '["x","y"]',
    '["x",[]]',
  ])('is left out if its body is none: %j', (body) => {
    expect(read(body)).toBeUndefined();
  });
});

describe('what a script compares', () => {
  it('is the end of the grace of a confirmed rotation', () => {
    expect(confirmedOf(revocationOf(A, 7, rotated, 3))).toBe('5');
    expect(confirmedOf(revocationOf(A, 7, { ...rotated, confirmed: 0 }, 3))).toBe('0');
  });

  it.each([revocationOf(A, 7, ended), hashedSubjectRevocationOf(SUBJECT, 5, 7)])(
    'is an empty text in place of it for any other: $key',
    (revocation) => {
      expect(confirmedOf(revocation)).toBe('');
    },
  );

  it.each<[Revocation, ReturnType<typeof scopeOf>]>([
    [revocationOf(A, 7, ended), { subject: '', scope: '' }],
    [hashedSubjectRevocationOf(SUBJECT, 5, 7), { subject: SUBJECT, scope: 'all' }],
    [hashedSubjectRevocationOf(SUBJECT, 5, 7, { except: [A] }), { subject: SUBJECT, scope: 'except' }],
    [hashedSubjectRevocationOf(SUBJECT, 5, 7, { only: [A] }), { subject: SUBJECT, scope: 'only' }],
  ])('is the subject, and which of its sessions are voided: $key', (revocation, scope) => {
    expect(scopeOf(revocation)).toStrictEqual(scope);
  });
});
