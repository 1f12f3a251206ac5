import { ALL_VERSIONS, type SessionTerms, type Verdict } from '../../lib/revocations/revocation-list.js';
import { SessionEntry } from '../../lib/revocations/session-entry.js';

const ID = 'A'.repeat(22);
const GRACE = 100;

const terms = (why: SessionTerms['why'], more: Partial<SessionTerms> = {}): SessionTerms => ({
  ...{ kind: 'session', id: ID, why, grace: GRACE, honoured: false },
  ...more,
});

const entry = (rank: number, given: SessionTerms, until = 1_000) => new SessionEntry(rank, until, given);

describe('the verdict on a token', () => {
  const rotation = terms('rotated', { honoured: true });
  const confirmed = terms('rotated', { honoured: true, confirmed: 150, older: 120 });
  const waiting = terms('rotated', { confirmed: 150, older: 300 });
  const superseded = (lately: boolean): Verdict => ({ live: false, why: 'superseded', lately, version: 3 });
  const dead = (why: 'ended' | 'replaced' | 'evicted' | 'reused'): Verdict => ({ live: false, why });

  it.each<[string, number, SessionTerms, number, number, Verdict]>([
    ['of a later version', 3, rotation, 4, 0, { live: true, version: 4 }],
    ['of the version of the rotation', 3, rotation, 3, 0, { live: true, version: 3, rotation }],
    ['of the one before, within the grace', 3, rotation, 2, 99, { live: true, version: 3, rotation }],
    ['of the one before, after the grace', 3, rotation, 2, 100, superseded(false)],
    ['of the one before, which is not honoured', 3, terms('rotated'), 2, 99, superseded(true)],
    ['of an older one, within the grace', 3, rotation, 1, 99, superseded(true)],
    ['of the one before a confirmed one, within its grace', 3, confirmed, 2, 149, superseded(true)],
    ['of the one before a confirmed one, after it', 3, confirmed, 2, 150, dead('reused')],
    ['of an older one, within the time for those', 3, confirmed, 1, 119, superseded(true)],
    ['of an older one, after the time for those', 3, confirmed, 1, 120, dead('reused')],
    ['of an older one, whose time ends later, within the grace', 3, waiting, 1, 149, superseded(true)],
    ['of an older one, whose time ends later, after the grace', 3, waiting, 1, 150, superseded(false)],
    [
      'of an older one without a time of its own',
      3,
      terms('rotated', { confirmed: 150 }),
      1,
      149,
      superseded(true),
    ],
    [
      'of an older one without a time of its own, later',
      3,
      terms('rotated', { confirmed: 150 }),
      1,
      150,
      dead('reused'),
    ],
    ['of any version after a theft', ALL_VERSIONS, rotation, 7, 0, dead('reused')],
    ['that ended', ALL_VERSIONS, terms('ended'), 0, 0, dead('ended')],
    ['that was replaced a moment ago', ALL_VERSIONS, terms('replaced'), 0, 99, dead('replaced')],
    ['that was replaced', ALL_VERSIONS, terms('replaced'), 0, 100, dead('ended')],
    ['that was evicted a moment ago', ALL_VERSIONS, terms('evicted'), 0, 99, dead('evicted')],
    ['that was evicted', ALL_VERSIONS, terms('evicted'), 0, 100, dead('ended')],
  ])('%s', (_name, rank, given, version, now, verdict) => {
    expect(entry(rank, given).verdictOf(version, now)).toEqual(verdict);
  });
});

describe('another entry of the same session', () => {
  it('stands if its rank is higher', () => {
    const one = entry(2, terms('rotated'));
    expect(one.widen(ALL_VERSIONS, 900, terms('ended'))).toBe(true);
    expect(one.verdictOf(2, 0)).toEqual({ live: false, why: 'ended' });
    expect(one.sweep(999)).toBe(1_000);
  });

  it('adds nothing but its expiry if its rank is lower', () => {
    const one = entry(3, terms('rotated'));
    expect(one.widen(2, 2_000, terms('ended'))).toBe(false);
    expect(one.verdictOf(3, 0)).toEqual({ live: true, version: 3, rotation: terms('rotated') });
    expect(one.sweep(1_999)).toBe(2_000);
    expect(one.sweep(2_000)).toBeUndefined();
  });

  it('of the same rank confirms it, and a second confirmation only if it is earlier', () => {
    const one = entry(3, terms('rotated'));
    expect(one.widen(3, 0, terms('rotated'))).toBe(false);
    expect(one.widen(3, 0, terms('rotated', { confirmed: 150, older: 140 }))).toBe(true);
    expect(one.widen(3, 0, terms('rotated', { confirmed: 160, older: 150 }))).toBe(false);
    expect(one.widen(3, 0, terms('rotated', { confirmed: 130 }))).toBe(true);
    expect(one.verdictOf(3, 0)).toMatchObject({ rotation: { confirmed: 130, older: 140 } });
  });

  it('of the same rank is merged with the stricter of both', () => {
    const mergedOf = (a: SessionTerms, b: SessionTerms) => {
      const one = entry(3, a);
      one.widen(3, 0, b);
      return one.verdictOf(3, 0);
    };
    const honoured = terms('rotated', { honoured: true, grace: 80 });
    expect(mergedOf(honoured, terms('ended'))).toStrictEqual({
      ...{ live: true, version: 3 },
      rotation: terms('ended', { grace: 80 }),
    });
    for (const [weak, strict] of [
      ['rotated', 'replaced'],
      ['replaced', 'evicted'],
      ['evicted', 'ended'],
    ] as const)
      for (const both of [
        [terms(weak), terms(strict)],
        [terms(strict), terms(weak)],
      ] as const)
        expect(mergedOf(...both)).toMatchObject({ rotation: { why: strict } });
    expect(mergedOf(honoured, { ...honoured, grace: 90 })).toMatchObject({
      rotation: { honoured: true, grace: 80 },
    });
  });

  it('of the same rank binds nothing: the key of the first one stands', () => {
    const deviceOf = (a: Partial<SessionTerms>, b: Partial<SessionTerms>) => {
      const one = entry(3, terms('rotated', { honoured: true, ...a }));
      one.widen(3, 0, terms('rotated', { honoured: true, ...b }));
      const verdict = one.verdictOf(2, 0);
      return verdict.live && verdict.rotation?.device;
    };
    expect(deviceOf({ device: 'first' }, {})).toBe('first');
    expect(deviceOf({ device: 'first' }, { device: 'second' })).toBe('first');
    expect(deviceOf({}, { device: 'second' })).toBeUndefined();
  });
});
