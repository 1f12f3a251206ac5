import TestSequencer from '@jest/test-sequencer';

/** From specs that load no application to those that boot one for each test: most mutants fail one of the first. */
const COSTS = [
  '/test/core/',
  '/test/http/headers/',
  '/test/revocations/',
  '/test/mutation/',
  '/test/stores/',
];

/** The first suite that fails is enough, so the cheap ones decide first. */
export default class CheapestFirst extends TestSequencer {
  sort(tests) {
    return [...tests].sort((a, b) => costOf(a) - costOf(b) || (a.path < b.path ? -1 : 1));
  }
}

function costOf({ path }) {
  const at = COSTS.findIndex((folder) => path.replaceAll('\\', '/').includes(folder));
  return at === -1 ? COSTS.length : at;
}
