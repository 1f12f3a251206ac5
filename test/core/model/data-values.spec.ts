import { HeldValues } from '../../../lib/core/model/data-values.js';

const KEY = 'cart';

const holding = (how: 'read' | 'assigned', value: unknown): HeldValues => {
  const held = new HeldValues();
  held[how](KEY, value);
  return held;
};

const watched = (held: HeldValues) => [...held.watched];

/** As a commit of all that is held does it. */
const settled = (held: HeldValues, written: [string, unknown][] | undefined) => {
  held.settle([KEY], written && new Map(written));
  return watched(held);
};

describe('the values that an application holds', () => {
  it('are none at first', () => {
    const held = new HeldValues();
    expect([...held.keys, ...held.entries, ...held.watched, ...held.copy()]).toEqual([]);
    expect([held.has(KEY), held.get(KEY), held.isWatched(KEY), held.isAsRead(KEY, '1')]).toEqual([
      false,
      undefined,
      false,
      false,
    ]);
    expect(() => {
      held.settle([KEY], new Map());
      held.forget(KEY);
      held.freeze();
      held.clear();
    }).not.toThrow();
  });

  it.each<['read' | 'assigned', unknown, boolean]>([
    ['read', 'text', false],
    ['read', 7, false],
    ['read', null, false],
    ['read', {}, true],
    ['read', [], true],
    ['assigned', 'text', true],
    ['assigned', null, true],
    ['assigned', undefined, true],
    ['assigned', {}, true],
  ])('%s %p: may differ from what is stored: %p', (how, value, differs) => {
    const held = holding(how, value);
    expect([held.has(KEY), held.get(KEY), held.isWatched(KEY)]).toEqual([true, value, differs]);
    expect([...held.keys]).toEqual([KEY]);
    expect([...held.entries]).toEqual([[KEY, value]]);
    expect(watched(held)).toEqual(differs ? [KEY] : []);
    expect(held.has('other') || held.isWatched('other')).toBe(false);
  });

  it('are copied as they are now', () => {
    const held = holding('assigned', 1);
    const copy = held.copy();
    held.assigned(KEY, 2);
    expect([...copy]).toEqual([[KEY, 1]]);
  });
});

describe('after a commit', () => {
  const list = [1];
  it.each<[string, unknown, [string, unknown][] | undefined, string[]]>([
    ['a text that it wrote is stored', 'a', [[KEY, 'a']], []],
    ['NaN that it wrote is the same', NaN, [[KEY, NaN]], []],
    ['a deletion that it wrote is stored', undefined, [[KEY, undefined]], []],
    ['a text that was assigned meanwhile is compared again', 'b', [[KEY, 'a']], [KEY]],
    ['a deletion of meanwhile is compared again', undefined, [], [KEY]],
    ['a text is compared again where nothing is known of the commit', 'a', undefined, [KEY]],
    ['an object that it wrote is compared again', list, [[KEY, list]], [KEY]],
  ])('%s', (_, value, written, expected) => {
    expect(settled(holding('assigned', value), written)).toEqual(expected);
  });

  it('what the schema read no longer counts as stored, of the keys that were written', () => {
    const held = holding('read', {});
    held.noteAsRead(KEY, '{}');
    held.noteAsRead('other', '[]');
    expect([held.isAsRead(KEY, '{}'), held.isAsRead(KEY, '[]'), held.isAsRead('other', '[]')]).toEqual([
      true,
      false,
      true,
    ]);
    held.settle([KEY], undefined);
    expect([held.isAsRead(KEY, '{}'), held.isAsRead('other', '[]')]).toEqual([false, true]);
  });
});

describe.each<['forget' | 'clear']>([['forget'], ['clear']])('%s', (how) => {
  it('drops the value and all that is known of it', () => {
    const held = holding('assigned', {});
    held.noteAsRead(KEY, '{}');
    held[how](KEY);
    expect([held.has(KEY), held.isWatched(KEY), held.isAsRead(KEY, '{}')]).toEqual([false, false, false]);
    expect(watched(held)).toEqual([]);
  });
});

describe('an object whose changes would be lost', () => {
  const frozenAfter = (how: 'read' | 'assigned', act: (held: HeldValues) => void) => {
    const value = { list: [1] };
    act(holding(how, value));
    return [Object.isFrozen(value), Object.isFrozen(value.list)];
  };

  it.each<['read' | 'assigned', 'forget' | 'freeze' | 'clear', boolean]>([
    ['read', 'forget', true],
    ['read', 'freeze', true],
    ['read', 'clear', false],
    // It is the application's own.
    ['assigned', 'forget', false],
    ['assigned', 'freeze', false],
  ])('that was %s is frozen by %s: %p', (how, act, frozen) => {
    expect(frozenAfter(how, (held) => held[act](KEY))).toEqual([frozen, frozen]);
  });

  it('is the one that was assigned last, which belongs to the application', () => {
    const mine = {};
    const held = holding('read', {});
    held.assigned(KEY, mine);
    held.freeze();
    expect(Object.isFrozen(mine)).toBe(false);
  });

  it('is kept where another key is forgotten', () => {
    const held = holding('read', {});
    held.read('other', {});
    held.forget('other');
    expect([held.has(KEY), held.has('other'), watched(held)]).toEqual([true, false, [KEY]]);
  });
});
