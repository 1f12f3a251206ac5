import { timeoutOf } from '../../../lib/core/model/policy.js';
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

describe('the table of rejections', () => {
  const where = (holds: (rejection: (typeof REJECTIONS)['idle']) => boolean) =>
    Object.entries(REJECTIONS).flatMap(([why, rejection]) => (holds(rejection) ? [why] : []));

  it('keeps a cookie that may be of others, or a newer one of ours', () => {
    expect(where(({ cookie }) => cookie === 'keep')).toEqual([
      'foreign',
      'tampered',
      'replaced',
      'superseded',
    ]);
  });

  it('counts as guesses what no session is found for', () => {
    expect(where(({ guess }) => guess)).toEqual(['tampered', 'unknown', 'ended']);
  });

  it('tells by an event of tampering and of reuse', () => {
    expect(where(({ event }) => event !== undefined)).toEqual(['tampered', 'reused']);
  });

  it('ranks what says more above what says less', () => {
    const ranked = Object.entries(REJECTIONS).sort(([, a], [, b]) => a.rank - b.rank);
    expect(ranked[0]![1].rank).toBe(-1);
    expect(ranked.at(-1)![0]).toBe('reused');
    expect(REJECTIONS.ended.rank).toBe(REJECTIONS.unknown.rank);
    expect(REJECTIONS.replaced.rank).toBe(REJECTIONS.superseded.rank);
  });
});
