import {
  authenticatedAt,
  expiryOf,
  freshUntil,
  isSuspect,
  knownProof,
  proved,
  provedBy,
  rollIsDue,
  SUSPECT,
  suspected,
  timeoutOf,
  UNKNOWN_TIME,
} from '../../../lib/core/model/policy.js';
import { REJECTIONS } from '../../../lib/core/model/reject-reason.js';
import type { SessionRecord } from '../../../lib/core/model/record.js';

const LIMITS = { idle: 100, lifetime: 1_000 };
const record = (start: number, lastSeenAt: number) => ({ startedAt: start, lastSeenAt }) as SessionRecord;

describe('timeoutOf', () => {
  it.each([
    ['within both limits', 0, 50, 149, undefined],
    ['at the idle limit', 0, 50, 150, 'idle'],
    ['at the lifetime', 0, 990, 1_000, 'lifetime'],
    ['past both', 0, 0, 5_000, 'lifetime'],
    ['without a start', NaN, 50, 60, 'lifetime'],
    ['without a time of the last request', 0, NaN, 60, 'idle'],
  ])('%s', (_name, start, lastSeenAt, now, timeout) => {
    expect(timeoutOf(record(start, lastSeenAt), LIMITS, now)).toBe(timeout);
  });
});

describe('expiryOf', () => {
  it.each([
    ['by the idle timeout', 0, 50, 150],
    ['by the lifetime', 0, 950, 1_000],
    ['by the lifetime of a session that started later', 500, 1_450, 1_500],
  ])('%s', (_name, start, lastSeenAt, expiry) => {
    expect(expiryOf(record(start, lastSeenAt), LIMITS)).toBe(expiry);
  });
});

describe('rollIsDue', () => {
  it.each([
    [59, false],
    [60, true],
    [61, true],
  ])('%d ms after the last roll: %s', (after, due) => {
    expect(rollIsDue(record(0, 1_000), 60, 1_000 + after)).toBe(due);
  });
});

describe('the mark of a different client', () => {
  it('has a name that is stored, and that no version may change', () => {
    expect(SUSPECT).toBe('~suspect');
  });

  it('is a factor of a negative time, beside the others, and goes with the next proof', () => {
    const marked = suspected({ pwd: 10 }, 20);
    expect(marked).toEqual({ pwd: 10, [SUSPECT]: -20 });
    expect([isSuspect({ pwd: 10 }), isSuspect(marked)]).toEqual([false, true]);
    expect(proved(marked, 'otp', 30)).toEqual({ pwd: 10, otp: 30 });
  });

  it('is no time of authentication, and leaves no proof fresh', () => {
    const marked = suspected({ pwd: 10 }, 20);
    expect(authenticatedAt(marked)).toBe(10);
    expect(authenticatedAt(marked, SUSPECT)).toBeUndefined();
    expect(freshUntil(marked, 1_000, 20)).toBeUndefined();
  });
});

describe('when a user proved who they are, for people to read', () => {
  it.each<[Record<string, number>, string | undefined, Date | undefined]>([
    [{}, undefined, undefined],
    [{ pwd: 1 }, undefined, new Date(1)],
    [{ pwd: 1, otp: 2 }, 'pwd', new Date(1)],
    [{ pwd: 1 }, 'otp', undefined],
    [{ pwd: UNKNOWN_TIME }, undefined, undefined],
    [{ pwd: UNKNOWN_TIME, otp: 2 }, undefined, new Date(2)],
    [{ pwd: NaN }, undefined, undefined],
  ])('%j of %s: %s', (factors, factor, at) => {
    expect(knownProof(factors, factor)).toEqual(at);
  });
});

describe('authenticatedAt', () => {
  it.each<[string, Record<string, number>, string | undefined, number | undefined]>([
    ['of no factor', {}, undefined, undefined],
    ['by any factor, the latest', { pwd: 10, otp: 30, face: 20 }, undefined, 30],
    ['by one factor', { pwd: 10, otp: 30 }, 'pwd', 10],
    ['by a factor that was not used', { pwd: 10 }, 'otp', undefined],
    ['where one time is no number', { pwd: 10, otp: NaN }, undefined, undefined],
    ['where the time of another factor is no number', { pwd: 10, otp: NaN }, 'pwd', 10],
    ['where a time is infinite', { pwd: Infinity }, undefined, undefined],
  ])('%s', (_name, factors, factor, at) => {
    expect(authenticatedAt(factors, factor)).toBe(at);
  });
});

describe('provedBy', () => {
  it.each<[string, Record<string, number>, number, boolean]>([
    ['an earlier proof', { pwd: 10 }, 11, true],
    ['a proof in the same millisecond', { pwd: 10 }, 10, true],
    ['a later proof', { pwd: 10 }, 9, false],
    ['no proof', {}, 9, true],
    ['a time that is no number', { pwd: NaN }, 9, true],
  ])('%s', (_name, factors, time, proved) => {
    expect(provedBy({ factors }, time)).toBe(proved);
  });
});

describe('freshUntil', () => {
  it.each<[string, Record<string, number>, number, string | undefined, number | undefined]>([
    ['in the moment of the proof', { pwd: 100 }, 100, undefined, 150],
    ['in the last millisecond', { pwd: 100 }, 150, undefined, 150],
    ['a millisecond later', { pwd: 100 }, 151, undefined, undefined],
    ['for a proof in the future', { pwd: 100 }, 99, undefined, undefined],
    ['without a proof', {}, 100, undefined, undefined],
    ['by the factor that is asked for', { pwd: 100, otp: 120 }, 130, 'pwd', 150],
    ['by the latest of all', { pwd: 100, otp: 120 }, 130, undefined, 170],
    ['without the factor that is asked for', { pwd: 100 }, 130, 'otp', undefined],
  ])('%s', (_name, factors, now, factor, until) => {
    expect(freshUntil(factors, 50, now, factor)).toBe(until);
  });
});

describe('the table of rejections', () => {
  const where = (holds: (rejection: (typeof REJECTIONS)['idle']) => boolean) =>
    Object.entries(REJECTIONS).flatMap(([why, rejection]) => (holds(rejection) ? [why] : []));

  it('keeps a cookie that may be of others, a newer one of ours, or one that a proof makes good', () => {
    expect(where(({ cookie }) => cookie === 'keep')).toEqual([
      'foreign',
      'tampered',
      'replaced',
      'superseded',
      'unproved',
      'unbound',
    ]);
  });

  it('counts as guesses what no session is found for', () => {
    expect(where(({ guess }) => guess)).toEqual(['tampered', 'unknown', 'ended']);
  });

  it('emits an event for tampering and for reuse', () => {
    expect(where(({ event }) => event !== undefined)).toEqual(['tampered', 'reused']);
  });

  it('ranks the more specific reason above the less specific one', () => {
    const ranked = Object.entries(REJECTIONS).sort(([, a], [, b]) => a.rank - b.rank);
    expect(ranked[0]![1].rank).toBe(-1);
    expect(ranked.at(-1)![0]).toBe('reused');
    expect(REJECTIONS.ended.rank).toBe(REJECTIONS.unknown.rank);
    expect(REJECTIONS.replaced.rank).toBe(REJECTIONS.superseded.rank);
  });
});
