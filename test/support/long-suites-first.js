import TestSequencer from '@jest/test-sequencer';

/**
 * Suites of half a minute and more, the longest first. Without the durations of an earlier run, as in CI, Jest goes by the size
 * of the files, by which the model would run last, and alone.
 */
const LONGEST = [
  'model/postgres',
  'model/postgres-second',
  'model/redis',
  'model/redis-second',
  'model/sealed',
  'model/memory',
  'model/faults',
  'model/sealed-faults',
  'testing/contract.mutants',
  'caching/caching-proxy',
  'stores/memory/memory',
  'stores/redis/contract',
  'stores/postgres/contract',
  'stores/redis/records',
  'stores/redis/failover',
  'e2e/cluster-sample',
  'concurrency/rotations',
  'concurrency/endings',
  'docs/examples',
].map((name) => `/test/${name}.spec.ts`);

export default class LongSuitesFirst extends TestSequencer {
  /** What failed the last time comes before, as without this. */
  sort(tests) {
    const sorted = super.sort(tests);
    return sorted.sort((a, b) => this.hasFailed(b) - this.hasFailed(a) || rank(a) - rank(b));
  }
}

function rank({ path }) {
  const index = LONGEST.findIndex((suite) => path.replaceAll('\\', '/').endsWith(suite));
  return index === -1 ? LONGEST.length : index;
}
