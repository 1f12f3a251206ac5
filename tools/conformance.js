// Makes docs/conformance.md from what the last run of the conformance suite has written: `npm run conformance`.
// With --check it writes nothing, and fails if the page is not what that run says.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = join(root, 'docs', 'conformance.md');

const PLATFORMS = ['express', 'fastify'];
const STORES = ['memory', 'Redis', 'PostgreSQL', 'sealed'];
/** The columns of the peers, and the packages that each is made of. */
const PEERS = {
  'express-session': ['express-session'],
  'connect-redis': ['express-session', 'connect-redis'],
  '@fastify/session': ['@fastify/session', '@fastify/cookie'],
  '@fastify/secure-session': ['@fastify/secure-session'],
  'cookie-session': ['cookie-session'],
  'iron-session': ['iron-session'],
};
const SIGNS = { yes: '✓', no: '✗', 'n/a': '–', '?': '?', spec: 'spec' };

const { chapters } = read('cases');
const ours = STORES.map((store) => ({
  name: store,
  results: PLATFORMS.map((platform) => resultsOf(`${platform} ${store}`)),
}));
const peers = Object.keys(PEERS).map((name) => ({ name, results: [resultsOf(name)] }));
const columns = [...ours, ...peers];

/** Footnotes, in the order in which they are first needed. */
const notes = [];

const text = await prettier.format(await render(), {
  ...(await prettier.resolveConfig(page)),
  parser: 'markdown',
});
if (!process.argv.includes('--check')) {
  writeFileSync(page, text);
  console.log(`docs/conformance.md: ${chapters.flatMap(({ cases }) => cases).length} requirements`);
} else if (!existsSync(page) || readFileSync(page, 'utf8') !== text) {
  console.error('docs/conformance.md is not what the last run of the suite says. Run: npm run conformance');
  process.exitCode = 1;
}

function read(name) {
  const file = join(root, '.cache', 'conformance', `${name.replace(/\W+/g, '-')}.json`);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  console.error(
    `There is no result of "${name}". Run the suite where Redis and PostgreSQL are installed: npx jest test/conformance`,
  );
  process.exit(1);
}

function resultsOf(target) {
  return new Map(read(target).results.map((result) => [result.id, result]));
}

async function render() {
  const tables = chapters.map(chapter);
  return [intro(), totals(), ...tables, footnotes()].join('\n\n');
}

function intro() {
  const versions = Object.entries(PEERS)
    .map(([name, packages]) => `${name} (${packages.map((one) => `${one} ${versionOf(one)}`).join(', ')})`)
    .join('; ');
  return `# Conformance

Made by \`npm run conformance\` from a run of \`test/conformance\`, a suite that speaks HTTP to an application and knows nothing of what keeps its
sessions. Each line is one requirement or one lesson of an incident elsewhere, with its source; CI fails if this page is not what the run says.

- **nest-sessions** runs every case on Express and on Fastify, over memory, Redis, PostgreSQL and sealed cookies (with a list of revocations, an index and
  \`enforceRotation\`). A case that fails there fails the tests.
- **Others** run the same cases in a Nest application that is set up as their documentation says, behind a proxy that terminates TLS: ${versions}. Their
  results are recorded.
- ✓ holds, ✗ does not, – has no meaning there, ? was not measured. \`spec\`: not visible over HTTP, proved by the spec that is named. A feature that is not there is ✗,
  with a note. Where a case is unfair to somebody, a note says so.
- Time is moved, never slept: by the option \`clock\` here, by a replaced \`Date\` there.

ASVS is OWASP ASVS 5.0, SESS the session tests of the OWASP Web Security Testing Guide, CS an OWASP cheat sheet. "derived" follows from the others. R11 and R21 do not exist.

The table says what was asked here. These libraries do less by design: a requirement that one of them leaves to the application, or to another package, is no defect of it.`;
}

function versionOf(name) {
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
}

function totals() {
  const rows = columns.map(({ name, results }) => {
    const marks = chapters.flatMap(({ cases }) => cases.map(({ id }) => markOf(results, id).mark));
    const count = (mark) => marks.filter((one) => one === mark).length;
    return [name, count('yes'), count('no'), count('n/a'), count('spec') + count('?')];
  });
  return `## Totals\n\n${table(['', '✓', '✗', '– no meaning there', 'spec, or ? not measured'], rows)}`;
}

function chapter({ name, file, cases }) {
  const head = ['', 'requirement', 'source', ...columns.map((one) => one.name)];
  const rows = cases.map(({ id, title, source, specs }) => [
    id,
    title + (specs.length > 0 ? ` (${specs.map((one) => `\`${one}\``).join(', ')})` : ''),
    source,
    ...columns.map(({ results }) => cell(results, id)),
  ]);
  return `## ${name}\n\n\`${file}\`\n\n${table(head, rows)}`;
}

function cell(results, id) {
  const { mark, reason } = markOf(results, id);
  if (reason === undefined) return SIGNS[mark];
  if (!notes.includes(reason)) notes.push(reason);
  return `${SIGNS[mark]} ${notes.indexOf(reason) + 1}`;
}

/** The result on every platform; where they differ, that which is worse. */
function markOf(results, id) {
  const found = results.map((one) => one.get(id));
  if (found.includes(undefined)) {
    console.error(`The run has no result of ${id}. Run all of it: npx jest test/conformance`);
    process.exit(1);
  }
  return found.find(({ mark }) => mark === 'no') ?? found[0];
}

function footnotes() {
  return `## Notes\n\n${notes.map((note, at) => `${at + 1}. ${note}`).join('\n')}\n`;
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((one) => String(one).replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
