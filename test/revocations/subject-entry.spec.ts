import { SubjectEntry } from '../../lib/revocations/subject-entry.js';

const UNTIL = 1_000;

const entry = () => new SubjectEntry('key of alice');

/** The latest time of issue, of 0 to 50, at which a token of the session is void; -1 if none is. */
const voidUpTo = (one: SubjectEntry, id: string): number => {
  const times = Array.from({ length: 51 }, (_, at) => at);
  const all = times.map((at) => one.voids(id, at));
  expect(all).toEqual(all.toSorted((a, b) => Number(b) - Number(a)));
  return all.lastIndexOf(true);
};

describe('what was revoked of one subject', () => {
  it('is nothing at first', () => {
    const one = entry();
    expect([one.size, one.before, one.at, one.minute]).toEqual([0, -Infinity, -Infinity, Infinity]);
    expect(one.subject).toBe('key of alice');
    expect(voidUpTo(one, 'a')).toBe(-1);
    expect(one.sweep(0)).toBeUndefined();
  });

  it('includes a token without a valid time of issue', () => {
    const all = entry();
    all.voidAllBut([], 10, UNTIL);
    const single = entry();
    single.voidOnly(['a'], 10, UNTIL);
    expect([all.voids('a', NaN), single.voids('a', NaN), entry().voids('a', NaN)]).toEqual([
      true,
      true,
      true,
    ]);
  });
});

describe('a revocation of all sessions', () => {
  it('voids what was issued up to its time, and adds nothing a second time', () => {
    const one = entry();
    expect(one.voidAllBut([], 10, UNTIL)).toBe(true);
    expect([one.size, one.before, voidUpTo(one, 'a')]).toEqual([1, 10, 10]);
    expect(one.voidAllBut([], 10, UNTIL)).toBe(false);
    expect(one.voidAllBut([], 9, UNTIL)).toBe(false);
    expect([one.size, one.before]).toEqual([1, 10]);
    expect(one.voidAllBut([], 11, UNTIL)).toBe(true);
    expect([one.size, one.before, voidUpTo(one, 'a')]).toEqual([1, 11, 11]);
  });

  it('is known by when the latest one began', () => {
    const one = entry();
    one.voidAllBut([], 10, UNTIL, 7);
    expect(one.at).toBe(7);
    one.voidAllBut([], 11, UNTIL, 5);
    expect(one.at).toBe(7);
    one.voidAllBut([], 12, UNTIL);
    expect(one.at).toBe(7);
    one.voidAllBut([], 1, UNTIL, 9);
    expect(one.at).toBe(9);
  });

  it('spares the sessions that it names', () => {
    const one = entry();
    expect(one.voidAllBut(['a', 'b'], 10, UNTIL)).toBe(true);
    expect([voidUpTo(one, 'a'), voidUpTo(one, 'b'), voidUpTo(one, 'c')]).toEqual([-1, -1, 10]);
    expect([one.size, one.before]).toEqual([3, 10]);
  });

  it('spares them from nothing that came before', () => {
    const one = entry();
    one.voidAllBut([], 10, UNTIL);
    expect(one.voidAllBut(['a'], 20, UNTIL)).toBe(true);
    expect([voidUpTo(one, 'a'), voidUpTo(one, 'b')]).toEqual([10, 20]);
    expect(one.voidAllBut(['a'], 30, UNTIL)).toBe(true);
    expect([voidUpTo(one, 'a'), voidUpTo(one, 'b')]).toEqual([10, 30]);
  });

  it('is wider if only a session that was spared is added', () => {
    const one = entry();
    one.voidAllBut(['a'], 10, UNTIL);
    expect(one.voidAllBut([], 8, UNTIL)).toBe(true);
    expect([voidUpTo(one, 'a'), voidUpTo(one, 'b')]).toEqual([8, 10]);
    expect(one.voidAllBut([], 8, UNTIL)).toBe(false);
    expect(one.voidAllBut([], 7, UNTIL)).toBe(false);
    expect([voidUpTo(one, 'a'), one.size]).toEqual([8, 2]);
  });

  it('keeps no time of a session that is not earlier than the one for all', () => {
    const one = entry();
    one.voidAllBut(['a'], 10, UNTIL);
    expect(one.voidAllBut(['b'], 10, UNTIL)).toBe(true);
    expect([one.size, voidUpTo(one, 'a'), voidUpTo(one, 'b')]).toEqual([1, 10, 10]);
  });

  it('takes the place of single ones that are not later', () => {
    const one = entry();
    one.voidOnly(['a'], 10, 3 * UNTIL);
    one.voidOnly(['b'], 11, 2 * UNTIL);
    one.voidAllBut([], 10, UNTIL);
    expect([one.size, voidUpTo(one, 'a'), voidUpTo(one, 'b')]).toEqual([2, 10, 11]);
    // And stands for as long as they would have.
    expect(one.sweep(3 * UNTIL - 1)).toBe(3 * UNTIL);
    expect([one.size, one.before]).toEqual([1, 10]);
  });

  it('leaves the single ones of the sessions that it spares', () => {
    const one = entry();
    one.voidOnly(['a'], 10, UNTIL);
    one.voidAllBut(['a'], 20, UNTIL);
    expect([one.size, voidUpTo(one, 'a'), voidUpTo(one, 'b')]).toEqual([3, 10, 20]);
  });
});

describe('a revocation of single sessions', () => {
  it('voids these and no others', () => {
    const one = entry();
    expect(one.voidOnly(['a', 'b'], 10, UNTIL)).toBe(true);
    expect([voidUpTo(one, 'a'), voidUpTo(one, 'b'), voidUpTo(one, 'c')]).toEqual([10, 10, -1]);
    expect([one.size, one.before, one.at]).toEqual([2, -Infinity, -Infinity]);
  });

  it('is wider if one of them was not revoked', () => {
    const one = entry();
    one.voidOnly(['a'], 10, UNTIL);
    expect(one.voidOnly(['a'], 10, UNTIL)).toBe(false);
    expect(one.voidOnly(['a', 'b'], 10, UNTIL)).toBe(true);
    expect(one.voidOnly(['c', 'a'], 10, UNTIL)).toBe(true);
    expect(one.voidOnly([], 10, UNTIL)).toBe(false);
  });

  it('of a later time takes the place of the earlier, and never the reverse', () => {
    const one = entry();
    one.voidOnly(['a'], 10, UNTIL);
    expect(one.voidOnly(['a'], 20, UNTIL)).toBe(false);
    expect(voidUpTo(one, 'a')).toBe(20);
    one.voidOnly(['a'], 15, UNTIL);
    expect([voidUpTo(one, 'a'), one.size]).toEqual([20, 1]);
  });

  it('adds its expiry alone to what all sessions had before', () => {
    const one = entry();
    one.voidAllBut([], 20, 100);
    expect(one.voidOnly(['a'], 20, 300)).toBe(false);
    expect(one.voidOnly(['b'], 19, 200)).toBe(false);
    expect([one.size, voidUpTo(one, 'a')]).toEqual([1, 20]);
    expect(one.sweep(100)).toBe(300);
    expect(one.sweep(299)).toBe(300);
    expect(one.before).toBe(20);
  });

  it('extends the one that is known, even by an earlier time', () => {
    const one = entry();
    one.voidAllBut([], 10, 100);
    one.voidOnly(['a'], 20, 150);
    one.voidOnly(['a'], 5, 300);
    one.voidOnly(['a'], 5, 200);
    expect(one.sweep(100)).toBe(300);
    expect([one.size, voidUpTo(one, 'a'), voidUpTo(one, 'b')]).toEqual([1, 20, -1]);
  });

  it('keeps the later expiry of two', () => {
    const one = entry();
    one.voidOnly(['a'], 10, 200);
    one.voidOnly(['a'], 11, 100);
    expect(one.sweep(0)).toBe(200);
    one.voidOnly(['a'], 10, 300);
    expect(one.sweep(0)).toBe(300);
  });
});

describe('too many parts', () => {
  it('are merged when the single sessions are more, into the latest time and expiry', () => {
    const one = entry();
    one.voidAllBut(['spared'], 5, UNTIL);
    one.voidOnly(['a'], 10, 3 * UNTIL);
    one.voidOnly(['b'], 20, 2 * UNTIL);
    expect(one.limitTo(2)).toBe(false);
    expect(one.size).toBe(4);
    expect(one.limitTo(1)).toBe(true);
    expect([one.size, one.before, one.at]).toEqual([1, 20, -Infinity]);
    expect(['spared', 'a', 'b', 'c'].map((id) => voidUpTo(one, id))).toEqual([20, 20, 20, 20]);
    expect(one.sweep(3 * UNTIL - 1)).toBe(3 * UNTIL);
    expect(one.sweep(3 * UNTIL)).toBeUndefined();
  });

  it('are merged when the spared sessions are more', () => {
    const one = entry();
    one.voidAllBut(['a', 'b'], 10, UNTIL);
    expect(one.limitTo(2)).toBe(false);
    expect(one.limitTo(1)).toBe(true);
    expect([one.size, one.before, voidUpTo(one, 'a')]).toEqual([1, 10, 10]);
    expect(one.sweep(UNTIL - 1)).toBe(UNTIL);
  });

  it('never make the time for all sessions earlier, nor its expiry', () => {
    const one = entry();
    one.voidAllBut(['a', 'b'], 30, UNTIL);
    one.voidOnly(['a', 'b'], 20, 500);
    expect(one.limitTo(1)).toBe(true);
    expect(one.before).toBe(30);
    expect(one.sweep(500)).toBe(UNTIL);
  });
});

describe('sweeping', () => {
  it('drops the time for all sessions, with those that it spares, when it expires', () => {
    const one = entry();
    one.voidAllBut(['a'], 10, 100, 9);
    expect(one.sweep(99)).toBe(100);
    expect([one.size, one.at]).toEqual([2, 9]);
    expect(one.sweep(100)).toBeUndefined();
    expect([one.size, one.before, one.at, voidUpTo(one, 'b')]).toEqual([0, -Infinity, -Infinity, -1]);
    // A later revocation begins anew.
    expect(one.voidAllBut([], 5, 200)).toBe(true);
    expect([one.size, one.sweep(150)]).toEqual([1, 200]);
  });

  it('keeps the later expiry of two revocations of all sessions', () => {
    const one = entry();
    one.voidAllBut([], 10, 200);
    one.voidAllBut([], 20, 100);
    expect(one.sweep(199)).toBe(200);
  });

  it('drops each single session when it expires, and returns the next expiry', () => {
    const one = entry();
    one.voidOnly(['a'], 10, 100);
    one.voidOnly(['b'], 10, 300);
    one.voidOnly(['c'], 10, 200);
    expect(one.sweep(99)).toBe(100);
    expect(one.sweep(100)).toBe(200);
    expect([one.size, voidUpTo(one, 'a'), voidUpTo(one, 'b')]).toEqual([2, -1, 10]);
    expect(one.sweep(200)).toBe(300);
    expect(one.sweep(300)).toBeUndefined();
    expect(one.size).toBe(0);
  });

  it('returns the earlier of the expiry of all sessions and that of a single one', () => {
    const one = entry();
    one.voidAllBut([], 10, 200);
    one.voidOnly(['a'], 20, 100);
    expect(one.sweep(0)).toBe(100);
    expect(one.sweep(100)).toBe(200);
    one.voidOnly(['a'], 20, 300);
    expect(one.sweep(100)).toBe(200);
    expect(one.sweep(200)).toBe(300);
    expect([one.size, one.before]).toEqual([1, -Infinity]);
  });
});
