// Mutation testing: changes the code in small ways, and expects that a test fails for each. Prints a score for each file.
//
//   node tools/mutation [--check] [part…]    each part of stryker.config.js against the specs named there
//
// Writes the scores to test/mutation/result.md, and what survives to test/mutation/survivors.md. With --check nothing is written,
// and what differs from survivors.md fails. Other options are Stryker's, for example --concurrency=1, --mutate=lib/core/….ts for
// one file, or --mutate=lib/core/….ts:10:1-20:1 for some lines of it, of which nothing is written either.
//
// The part "unit" takes seconds, all of them some ten minutes.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { configOf, PARTS } from '../../stryker.config.js';
import * as survivors from './survivors.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const RESULT = join(root, 'test/mutation/result.md');
const LEAST = 90;

const [flags, chosen] = [true, false].map((wanted) =>
  process.argv.slice(2).filter((argument) => argument.startsWith('--') === wanted),
);
const check = flags.includes('--check');
const isRange = flags.some((flag) => /^--mutate=.*:\d/.test(flag));

const parts = chosen.length > 0 ? chosen : Object.keys(PARTS);
for (const part of parts) assertPart(part);

// One after the other, so that what is done is kept.
for (const part of parts) await measure(part);

/** The specs of another part reach nothing of a file: all of its mutants would survive, and be written to the page. */
function assertPart(part) {
  if (!Object.hasOwn(PARTS, part))
    fail(`There is no part "${part}": choose of ${Object.keys(PARTS).join(', ')}.`);
  const { mutate } = PARTS[part];
  const files = filesOf(mutate).filter((path) => !mutate.includes(`!${path}`));
  for (const [, file] of flags.flatMap((flag) => [...flag.matchAll(/^--mutate=(lib\/[^*:,]+\.ts)/g)])) {
    if (files.includes(file)) continue;
    const owner = Object.keys(PARTS).find((name) => filesOf(PARTS[name].mutate).includes(file));
    fail(`${file} does not belong to the part "${part}"${owner ? `, but to "${owner}"` : ''}.`);
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

async function measure(part) {
  const measured = filesOfReport(part);
  const rows = Object.entries(measured).map(([path, { mutants }]) => ({ path, part, ...count(mutants) }));
  const all = sumOf(rows);
  console.log([...rows, all].map(lineOf).join('\n'));

  const { entries, open, gone } = survivors.compare(measured);
  const faults = check ? [...open, ...gone] : open;
  // Of a single file many may be equivalent.
  const isWhole = !flags.some((flag) => flag.startsWith('--mutate'));
  if (isWhole && 100 * all.detected < LEAST * all.valid) faults.push(`The score is below ${LEAST} %.`);
  if (!check && !isRange) {
    survivors.write(entries);
    writeFileSync(RESULT, await format(page(merged(rows)), { parser: 'markdown' }));
  }
  if (faults.length === 0) return;
  console.error(`\n${faults.join('\n\n')}\n`);
  process.exitCode = 1;
}

function filesOfReport(part) {
  const report = join(root, configOf(part).jsonReporter.fileName);
  rmSync(report, { force: true });
  const stryker = 'node_modules/@stryker-mutator/core/bin/stryker.js';
  const { status } = spawnSync(
    process.execPath,
    [stryker, 'run', 'stryker.config.js', ...flags.filter((flag) => flag !== '--check')],
    { cwd: root, stdio: 'inherit', env: { ...process.env, MUTATION_PART: part } },
  );
  if (!existsSync(report)) throw new Error(`Stryker has ended with ${status}, and without a report.`);
  return JSON.parse(readFileSync(report, 'utf8')).files;
}

/** What does not compile, or was left out with a reason, is no mutant. A test that never ends has noticed, too. */
function count(mutants) {
  const of = (...states) => mutants.filter((mutant) => states.includes(mutant.status)).length;
  const detected = of('Killed', 'Timeout');
  return { detected, valid: detected + of('Survived', 'NoCoverage') };
}

function sumOf(rows) {
  const total = (key) => rows.reduce((sum, row) => sum + row[key], 0);
  return { path: 'all', part: '', detected: total('detected'), valid: total('valid') };
}

function scoreOf({ detected, valid }) {
  return valid === 0 ? '–' : `${((100 * detected) / valid).toFixed(1)} %`;
}

function lineOf(row) {
  return `${row.path.padEnd(52)} ${scoreOf(row).padStart(7)}  ${row.detected} of ${row.valid}`;
}

/** These take the place of what the page says of the same files. */
function merged(rows) {
  const known = existsSync(RESULT) ? readFileSync(RESULT, 'utf8') : '';
  const kept = [...known.matchAll(/^\| (lib\S+) +\| ([^|]+?) +\| +\S+(?: %)? +\| +(\d+) +\| +(\d+) +\|$/gm)]
    .map(([, path, part, detected, valid]) => ({
      path,
      part,
      detected: Number(detected),
      valid: Number(valid),
    }))
    .filter(({ path }) => existsSync(join(root, path)) && !rows.some((row) => row.path === path));
  return [...kept, ...rows].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function page(rows) {
  const table = [...rows, sumOf(rows)].map(
    (row) => `| ${row.path} | ${row.part} | ${scoreOf(row)} | ${row.detected} | ${row.valid} |`,
  );
  const missing = filesOf(Object.values(PARTS).flatMap(({ mutate }) => mutate)).filter(
    (path) => !rows.some((row) => row.path === path),
  );
  return [
    '# Mutation testing',
    '',
    'The last measurement of each file, which `npm run mutation` writes. What survives is in',
    '[survivors.md](survivors.md).',
    '',
    '| file | part | score | detected | mutants |',
    '| --- | --- | --: | --: | --: |',
    ...table,
    '',
    '## Not measured',
    '',
    missing.length === 0 ? 'Nothing.' : missing.map((path) => `- ${path}`).join('\n'),
    '',
  ].join('\n');
}

/** Of patterns that end in a folder's whole, or name a file. */
function filesOf(patterns) {
  return patterns
    .filter((pattern) => !pattern.startsWith('!'))
    .map((pattern) => pattern.replace('/**/*.ts', ''))
    .flatMap((path) =>
      path.endsWith('.ts')
        ? [path]
        : readdirSync(join(root, path), { recursive: true })
            .filter((name) => name.endsWith('.ts'))
            .map((name) => `${path}/${name}`),
    )
    .filter((path, at, all) => all.indexOf(path) === at)
    .sort();
}
