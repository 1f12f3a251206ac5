// Mutation testing: changes the code in small ways, and expects that a test fails for each. Prints a score for each file.
// `whole` also writes the scores to test/mutation/result.md; `unit` is a part of it that takes minutes.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';

const root = fileURLToPath(new URL('..', import.meta.url));
const RUNS = { whole: 'stryker.config.js', unit: 'stryker.unit.config.js' };
const RESULT = 'test/mutation/result.md';

const [name = 'whole', ...rest] = process.argv.slice(2);
if (!Object.hasOwn(RUNS, name))
  throw new Error(`There is no run "${name}": it is ${Object.keys(RUNS).join(' or ')}.`);

const report = `${root}.cache/mutation/${name}.json`;
rmSync(report, { force: true });
const { status } = spawnSync(
  process.execPath,
  ['node_modules/@stryker-mutator/core/bin/stryker.js', 'run', RUNS[name], ...rest],
  { cwd: root, stdio: 'inherit' },
);
const rows = rowsOf(JSON.parse(readFileSync(report, 'utf8')).files);
console.log(rows.map((row) => row.text).join('\n'));
if (name === 'whole') {
  mkdirSync(`${root}test/mutation`, { recursive: true });
  writeFileSync(root + RESULT, await format(page(rows), { parser: 'markdown' }));
}
process.exitCode = status ?? 1;

/** One for each file, and one for their sum. */
function rowsOf(files) {
  const sums = Object.entries(files).map(([path, { mutants }]) => ({
    path: relative(root, `${root}${path}`),
    ...count(mutants),
  }));
  const all = count(Object.values(files).flatMap(({ mutants }) => mutants));
  return [...sums.sort((a, b) => (a.path < b.path ? -1 : 1)), { path: 'all', ...all }].map((sum) => ({
    ...sum,
    text: `${sum.path.padEnd(52)} ${sum.score.padStart(7)}  ${sum.detected} of ${sum.valid}`,
  }));
}

/** What does not compile, or was left out with a reason, is no mutant. A test that never ends has noticed, too. */
function count(mutants) {
  const of = (...states) => mutants.filter((mutant) => states.includes(mutant.status)).length;
  const detected = of('Killed', 'Timeout');
  const valid = detected + of('Survived', 'NoCoverage');
  return { detected, valid, score: valid === 0 ? '–' : `${((100 * detected) / valid).toFixed(1)} %` };
}

function page(rows) {
  return [
    '# Mutation testing',
    '',
    'The last run of `npm run mutation`, which writes this page.',
    '',
    '| file | score | detected | mutants |',
    '| --- | --: | --: | --: |',
    ...rows.map(({ path, score, detected, valid }) => `| ${path} | ${score} | ${detected} | ${valid} |`),
    '',
  ].join('\n');
}
