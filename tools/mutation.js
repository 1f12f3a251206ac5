// Mutation testing: changes the code in small ways, and expects that a test fails for each. Prints a score for each file.
//
//   node tools/mutation.js unit [--check] [file…]    the pure parts against their own specs
//   node tools/mutation.js whole [part…]             each part of stryker.config.js against the specs named there, for hours:
//                                                    first the cheap ones, then the others for what these do not notice
//
// Both write the scores to test/mutation/result.md, and what survives to test/mutation/survivors.md. With --check nothing is
// written, and what differs from survivors.md fails. Other options are Stryker's, for example --concurrency=1.
//
// The pure parts take minutes. Their last measurement is kept in test/mutation/unit.json.gz, and only mutants of code that has
// changed since, or whose specs have, are tried again: seconds in CI. With --force all are.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { format } from 'prettier';
import { configOf, PARTS } from '../stryker.config.js';
import unit from '../stryker.unit.config.js';
import * as survivors from './survivors.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const RESULT = join(root, 'test/mutation/result.md');
const KEPT = join(root, 'test/mutation/unit.json.gz');
const INCREMENTAL = join(root, '.cache/mutation/unit-incremental.json');
const LEAST = 90;
const LAYERS = { unit: 'the unit layer', whole: 'behaviour' };

const [run, ...rest] = process.argv.slice(2);
const check = rest.includes('--check');
const flags = rest.filter((argument) => argument.startsWith('--') && argument !== '--check');
const chosen = rest.filter((argument) => !argument.startsWith('--'));

if (run === 'unit') await measure('unit', chosen);
else if (run === 'whole')
  // One after the other: what is done is kept if the night ends earlier.
  for (const part of chosen.length > 0 ? chosen : Object.keys(PARTS)) await measure('whole', [], part);
else throw new Error(`There is no run "${run}": it is ${Object.keys(LAYERS).join(' or ')}.`);

async function measure(layer, files, part) {
  const incremental = layer === 'unit' && files.length === 0;
  if (incremental) unpack();
  const measured =
    part === undefined
      ? filesOfReport(unit, runOf('stryker.unit.config.js', files, incremental))
      : stagesOf(part);
  const rows = Object.entries(measured).map(([path, { mutants }]) => ({ path, layer, ...count(mutants) }));
  const all = sumOf(rows);
  console.log([...rows, all].map(lineOf).join('\n'));

  const { entries, faults } = survivors.compare(measured);
  // Of a single file many may be equivalent.
  if (files.length === 0 && 100 * all.detected < LEAST * all.valid)
    faults.push(`The score is below ${LEAST} %.`);
  if (!check) {
    survivors.write(entries);
    if (incremental) pack();
    writeFileSync(RESULT, await format(page(merged(rows)), { parser: 'markdown' }));
  }
  if (faults.length === 0) return;
  console.error(`\n${faults.join('\n\n')}\n`);
  process.exitCode = 1;
}

/** Each stage gets what the one before did not detect. */
function stagesOf(part) {
  let files;
  for (const stage of PARTS[part].stages.keys()) {
    const left =
      files &&
      Object.entries(files).flatMap(([path, { mutants }]) =>
        mutants.filter(isLeft).map((mutant) => [path, mutant]),
      );
    if (left?.length === 0) break;
    const found = filesOfReport(
      configOf(part, stage),
      runOf('stryker.config.js', left?.map(([path, { location }]) => rangeOf(path, location)) ?? [], false),
      { MUTATION_PART: part, MUTATION_STAGE: String(stage) },
    );
    files ??= found;
    for (const [path, mutant] of left ?? [])
      Object.assign(mutant, {
        status: found[path]?.mutants.find((other) => isSame(mutant, other))?.status ?? mutant.status,
      });
  }
  return files;
}

// Declarations, since the run begins above them.
function isLeft({ status }) {
  return status === 'Survived' || status === 'NoCoverage';
}

function isSame(one, other) {
  return (
    one.replacement === other.replacement && JSON.stringify(one.location) === JSON.stringify(other.location)
  );
}

function rangeOf(path, { start, end }) {
  return `${path}:${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`;
}

function filesOfReport({ jsonReporter }, args, env) {
  const report = join(root, jsonReporter.fileName);
  rmSync(report, { force: true });
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (!existsSync(report)) throw new Error(`Stryker has ended with ${status}, and without a report.`);
  return JSON.parse(readFileSync(report, 'utf8')).files;
}

/** What Stryker knows from the last measurement. */
function unpack() {
  mkdirSync(dirname(INCREMENTAL), { recursive: true });
  if (existsSync(KEPT)) writeFileSync(INCREMENTAL, gunzipSync(readFileSync(KEPT)));
  else rmSync(INCREMENTAL, { force: true });
}

/** Without what differs from machine to machine. */
function pack() {
  const { files, testFiles, schemaVersion, thresholds } = JSON.parse(readFileSync(INCREMENTAL, 'utf8'));
  writeFileSync(
    KEPT,
    gzipSync(JSON.stringify({ files, testFiles, schemaVersion, thresholds }), { level: 9 }),
  );
}

function runOf(config, files, incremental) {
  const mutate = files.length > 0 ? ['--mutate', files.join(',')] : [];
  const kept = incremental ? ['--incremental', '--incrementalFile', INCREMENTAL] : [];
  return ['node_modules/@stryker-mutator/core/bin/stryker.js', 'run', config, ...mutate, ...kept, ...flags];
}

/** What does not compile, or was left out with a reason, is no mutant. A test that never ends has noticed, too. */
function count(mutants) {
  const of = (...states) => mutants.filter((mutant) => states.includes(mutant.status)).length;
  const detected = of('Killed', 'Timeout');
  return { detected, valid: detected + of('Survived', 'NoCoverage') };
}

function sumOf(rows) {
  const total = (key) => rows.reduce((sum, row) => sum + row[key], 0);
  return { path: 'all', layer: '', detected: total('detected'), valid: total('valid') };
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
    .map(([, path, words, detected, valid]) => ({
      path,
      layer: Object.keys(LAYERS).find((layer) => LAYERS[layer] === words),
      detected: Number(detected),
      valid: Number(valid),
    }))
    .filter(({ path }) => existsSync(join(root, path)) && !rows.some((row) => row.path === path));
  return [...kept, ...rows].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function page(rows) {
  const table = [...rows, sumOf(rows)].map(
    (row) =>
      `| ${row.path} | ${LAYERS[row.layer] ?? ''} | ${scoreOf(row)} | ${row.detected} | ${row.valid} |`,
  );
  const missing = filesOf([...unit.mutate, ...Object.values(PARTS).flatMap(({ mutate }) => mutate)]).filter(
    (path) => !rows.some((row) => row.path === path),
  );
  return [
    '# Mutation testing',
    '',
    'The last measurement of each file, which `npm run mutation:unit` and `npm run mutation` write. What survives is in',
    '[survivors.md](survivors.md).',
    '',
    '| file | against | score | detected | mutants |',
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
