import { jest } from '@jest/globals';
import { FakeClock } from 'nest-sessions/testing';
import { systemClock } from '../../../lib/core/util/clock.js';
import { NOW, unopened } from './request-states.js';
import { token } from './snapshots.js';

describe('the time of a request', () => {
  it('is that of its clock, until the store has told its own', () => {
    const clock = new FakeClock(NOW);
    const state = unopened({}, clock);
    expect([state.now(), state.skew]).toEqual([NOW, undefined]);
    expect(state.synchronise(NOW + 250)).toBe(250);
    expect([state.now(), state.skew]).toEqual([NOW + 250, 250]);
    clock.advance(1_000);
    expect(state.now()).toBe(NOW + 1_250);
  });

  it('is that of the store which opened its session', () => {
    const state = unopened();
    state.opened(token({ skew: -40 }));
    expect([state.now(), state.skew]).toEqual([NOW - 40, -40]);
  });

  it.each([
    // As sums of two fractions come out.
    [0.1 + 0.2, NOW],
    [0.999, NOW + 1],
    [0.9989, NOW],
    [-0.0005, NOW],
    [-0.002, NOW - 1],
  ])('is whole: %f milliseconds ahead', (skew, now) => {
    const state = unopened({}, { now: () => NOW });
    state.opened(token({ skew }));
    expect(state.now()).toBe(now);
  });

  it('is that of the clock where the store goes by it too', () => {
    const state = unopened({}, systemClock);
    state.opened(token({ skew: 0 }));
    const now = jest.spyOn(Date, 'now').mockReturnValue(NOW);
    try {
      expect(state.now()).toBe(NOW);
    } finally {
      now.mockRestore();
    }
  });
});
