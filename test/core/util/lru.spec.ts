import { LRUCache } from 'lru-cache';
import { atMost } from '../../../lib/core/util/lru.js';

describe('a cache of at most so many entries', () => {
  it('evicts the least recently used one when another comes', () => {
    const cache = new LRUCache<string, number>(atMost(3));
    for (const [at, key] of ['a', 'b', 'c'].entries()) cache.set(key, at);
    cache.get('a');
    cache.set('d', 3);
    expect([...cache.keys()].sort()).toEqual(['a', 'c', 'd']);
  });

  it('counts an entry that is written again once', () => {
    const cache = new LRUCache<string, number>(atMost(2));
    for (let i = 0; i < 10; i++) cache.set('a', i);
    cache.set('b', 0);
    expect(Object.fromEntries(cache.entries())).toEqual({ a: 9, b: 0 });
  });

  it('has room again for what was deleted', () => {
    const cache = new LRUCache<string, number>(atMost(2));
    for (let i = 0; i < 10; i++) {
      cache.set(String(i), i);
      if (i < 8) cache.delete(String(i));
    }
    expect(cache.size).toBe(2);
  });
});
