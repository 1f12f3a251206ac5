import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { failureOf } from './engine/exploration.js';
import { regressionsOf } from './engine/regressions.js';
import { targets } from './targets/all-targets.js';

const REGRESSIONS = fileURLToPath(new URL('regressions', import.meta.url));

describe.each(targets.map((target) => [target.name, target] as const))('the parser "%s"', (name, target) => {
  it('holds for the inputs that the exploration begins with', async () => {
    for (const input of target.seeds)
      expect([input, await failureOf(target, input)]).toEqual([input, undefined]);
  });

  it('holds for every case that failed once', async () => {
    for (const input of regressionsOf(REGRESSIONS, name))
      expect([input, await failureOf(target, input)]).toEqual([input, undefined]);
  });

  it('holds for texts of its words', async () => {
    const unit = fc.constantFrom(...target.words, ...target.seeds);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(unit, fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 8 }),
        async (parts) => {
          await target.check(parts.join(''));
        },
      ),
      { numRuns: 300 },
    );
  });
});
