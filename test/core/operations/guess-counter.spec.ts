import { GuessCounter } from '../../../lib/core/operations/guess-counter.js';
import { FakeClock } from '../../../lib/testing/fake-clock.js';

/** The counts that were worth an event, of so many bad tokens. */
const countsOf = (counter: GuessCounter, address: string, tokens: number) =>
  Array.from({ length: tokens }, () => counter.count(address)).filter((count) => count !== undefined);

describe('the count of bad tokens', () => {
  it('is worth an event at every tenth, for each address', () => {
    const counter = new GuessCounter(new FakeClock());
    expect(countsOf(counter, '192.0.2.1', 9)).toEqual([]);
    expect(countsOf(counter, '192.0.2.2', 9)).toEqual([]);
    expect(counter.count('192.0.2.1')).toBe(10);
    expect(counter.count('192.0.2.2')).toBe(10);
    expect(countsOf(counter, '192.0.2.1', 20)).toEqual([20, 30]);
  });

  it.each([
    [59_999, 10],
    [60_000, undefined],
    [60_001, undefined],
  ])('begins anew a minute after the first: %s ms later the tenth gives %s', (later, count) => {
    const clock = new FakeClock();
    const counter = new GuessCounter(clock);
    countsOf(counter, '192.0.2.1', 5);
    clock.advance(30_000);
    countsOf(counter, '192.0.2.1', 4);
    clock.advance(later - 30_000);
    expect(counter.count('192.0.2.1')).toBe(count);
  });

  it('forgets the address that came longest ago of more than 1,000', () => {
    const counter = new GuessCounter(new FakeClock());
    countsOf(counter, 'first', 9);
    countsOf(counter, 'second', 9);
    for (let n = 0; n < 998; n++) counter.count(`other ${n}`);
    expect(counter.count('second')).toBe(10);
    counter.count('one more');
    expect(counter.count('first')).toBeUndefined();
    expect(countsOf(counter, 'second', 10)).toEqual([20]);
  });
});
