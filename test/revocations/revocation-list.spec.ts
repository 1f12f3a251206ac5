import {
  ALL_VERSIONS,
  hashedSubjectRevocationOf,
  revocationOf,
  subjectKey,
  subjectRevocationOf,
} from '../../lib/revocations/revocation-list.js';

/** Of what other nodes and earlier versions have stored: another key would not find it. */
const ALICE = 'kSKIddx02iLRl31ryfu70P';
const KEYS = {
  all: `u:${ALICE}:R5mvsqYu_1cfC8dcmZmvfl`,
  exceptAB: `u:${ALICE}:by66mMtH5TupFvxqg5RGQh`,
  onlyAB: `u:${ALICE}:v0irAqOc1t7voNXRBr0yoT`,
};

describe('a revocation of one session', () => {
  const terms = { why: 'ended', grace: 7, honoured: true } as const;

  it('voids all versions, unless one is given', () => {
    const entry = { key: 's:a', until: 5, terms: { kind: 'session', id: 'a', ...terms } };
    expect(revocationOf('a', 5, terms)).toStrictEqual({ ...entry, rank: ALL_VERSIONS });
    expect(revocationOf('a', 5, terms, 3)).toStrictEqual({ ...entry, rank: 3 });
  });
});

describe('a revocation of the sessions of a subject', () => {
  it('represents the subject by the digest that is in every list', () => {
    expect(subjectKey('alice')).toBe(ALICE);
  });

  it.each([
    ['all of them', {}, KEYS.all, { except: [] }],
    ['all, with the time when it began', { at: 4 }, KEYS.all, { except: [], at: 4 }],
    ['all, begun at the epoch', { at: 0 }, KEYS.all, { except: [], at: 0 }],
    ['all but some', { except: ['a', 'b'] }, KEYS.exceptAB, { except: ['a', 'b'] }],
    ['all but the same ones in another order', { except: ['b', 'a'] }, KEYS.exceptAB, { except: ['b', 'a'] }],
    ['some', { only: ['a', 'b'] }, KEYS.onlyAB, { except: [], only: ['a', 'b'] }],
    ['the same ones in another order', { only: ['b', 'a'] }, KEYS.onlyAB, { except: [], only: ['b', 'a'] }],
  ])('has a key for each scope: %s', (_, scope, key, terms) => {
    const entry = { key, rank: 2, until: 9, terms: { kind: 'subject', subject: ALICE, ...terms } };
    expect(subjectRevocationOf('alice', 2, 9, scope)).toStrictEqual(entry);
    expect(hashedSubjectRevocationOf(ALICE, 2, 9, scope)).toStrictEqual(entry);
  });

  it('voids all of them without a scope', () => {
    expect(hashedSubjectRevocationOf(ALICE, 2, 9)).toStrictEqual(subjectRevocationOf('alice', 2, 9, {}));
  });
});
