/**
 * Options of an `LRUCache` of at most so many entries that takes memory as it fills. Its option `max` reserves everything at
 * once, which for 100,000 entries takes 50 ms of the start of an application, and reading and writing are no faster by it.
 */
export const atMost = (entries: number): { maxSize: number; sizeCalculation: () => number } => ({
  maxSize: entries,
  sizeCalculation: () => 1,
});
