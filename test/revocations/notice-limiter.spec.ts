import { jest } from '@jest/globals';
import { NoticeLimiter } from '../../lib/revocations/notice-limiter.js';

describe('queries that follow notices', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  function limiter() {
    let queries = 0;
    const one = new NoticeLimiter(() => queries++);
    /** The queries that so many notices start, after the time that is given. */
    const after = (ms: number, notices: number): number => {
      queries = 0;
      jest.advanceTimersByTime(ms);
      for (let i = 0; i < notices; i++) one.notice();
      return queries;
    };
    return { one, after };
  }

  it('start at once for 25 notices in a row', () => {
    const { after } = limiter();
    expect(after(0, 1)).toBe(1);
    expect(after(0, 24)).toBe(24);
    expect(after(0, 100)).toBe(0);
  });

  it('start every 20 ms under a flood', () => {
    const { after } = limiter();
    expect(after(0, 100)).toBe(25);
    expect(after(19, 100)).toBe(0);
    expect(after(1, 100)).toBe(1);
    expect(after(19, 100)).toBe(0);
    expect(after(1, 100)).toBe(1);
  });

  it('are shared by the notices that arrive before they start', () => {
    const { after } = limiter();
    after(0, 100);
    expect(after(20, 0)).toBe(1);
    expect(after(1_000, 0)).toBe(0);
  });

  it.each([
    [100, 5],
    [499, 24],
    [500, 25],
    [60_000, 25],
  ])('may be as many in a row again as the quiet time before allows: after %i ms %i', (quiet, allowed) => {
    const { after } = limiter();
    after(0, 25);
    expect(after(quiet, 100)).toBe(allowed);
  });

  it('do not start any more after a stop', () => {
    const { one, after } = limiter();
    after(0, 100);
    one.stop();
    expect(after(1_000, 0)).toBe(0);
  });

  it('start again for a notice after a stop, within the limit', () => {
    const { one, after } = limiter();
    after(0, 100);
    one.stop();
    expect(after(0, 1)).toBe(0);
    expect(after(20, 0)).toBe(1);
  });

  it('may be stopped before there was any', () => {
    const { one, after } = limiter();
    one.stop();
    expect(after(0, 1)).toBe(1);
  });
});
