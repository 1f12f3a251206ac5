/*
 * Explores the parsers of the library with inputs that are made of those which reached new code.
 *
 *     npm run fuzz                                       each target with the budget of CI
 *     npm run fuzz -- --minutes 30 --target cookie       one target for half an hour, from a seed of its own
 *     npm run fuzz -- --seed 7 --executions 1000000      each target, from this seed
 *
 * Ends with 1 if something was found. The case is kept in test/fuzz/regressions, where a spec replays it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Counters } from './engine/counters.js';
import { instrument } from './engine/instrument.js';

/** What is counted: the rest of the library parses nothing. */
const PARSERS = [
  'core',
  'http',
  'revocations',
  'stores/sealed',
  'stores/redis',
  'nest/options',
  'nest/device',
];

const compiled = fileURLToPath(new URL('../..', import.meta.url));
const counters = Counters.install();

for (const folder of PARSERS) {
  const path = join(compiled, 'lib', folder);
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.js')) continue;
    const file = join(path, name);
    writeFileSync(
      file,
      instrument(readFileSync(file, 'utf8'), () => counters.reserve()),
    );
  }
}

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true },
    minutes: { type: 'string' },
    executions: { type: 'string' },
    seed: { type: 'string' },
  },
});

// Loaded only now: what it imports is instrumented.
const { exploreAll } = await import('./explore-all.js');
process.exitCode = await exploreAll(counters, {
  names: values.target,
  minutes: values.minutes === undefined ? undefined : Number(values.minutes),
  executions: values.executions === undefined ? undefined : Number(values.executions),
  seed: values.seed === undefined ? undefined : Number(values.seed),
});
