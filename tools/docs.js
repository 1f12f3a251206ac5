// Makes the reference of all public names from the code: docs/reference, one page for each name that applications import.
// With --check it writes nothing, and fails if the reference is out of date.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, ReflectionKind } from 'typedoc';

const root = fileURLToPath(new URL('..', import.meta.url));
const home = join(root, 'docs', 'reference');

/** The pages, in the order of the index. */
const ABOUT = {
  'nest-sessions': 'the module and its options, the service, decorators, guards, errors and events',
  session: 'what `@Session()` and `SessionService.current` give: data, times, `update()`, `commit()`',
  testing: 'a fake clock, logins for tests, the contract of a store as a suite',
  redis: '`RedisStore`, `RedisRevocations`',
  postgres: '`PostgresStore`, `PostgresRevocations`',
  sealed: '`SealedCookie`, `MemoryRevocations`, and what a list of revocations implements',
  passport: '`PassportSessions`, and the `req.session` that it gives to requests',
  terminus: '`SessionHealthIndicator`',
  swagger: '`createDocument()`',
  opentelemetry: '`instrumentSessions()`',
  pino: '`sessionSerializers()`: logs of pino without cookies',
  connect: '`ConnectStore`: a store for express-session as a store here',
  migrate: 'sessions of other libraries that come over',
  store: 'for authors of stores',
};

const pages = await makePages();
if (process.argv.includes('--check')) check();
else write();

/** The pages, by file name. */
async function makePages() {
  const out = mkdtempSync(join(tmpdir(), 'nest-sessions-docs-'));
  try {
    await convert(out);
    return new Map([['README.md', index()], ...Object.keys(ABOUT).map((page) => pageOf(out, page))]);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

async function convert(out) {
  const app = await Application.bootstrapWithPlugins({
    options: join(root, 'typedoc.json'),
    entryPoints: entryPoints(),
    outputs: [{ name: 'markdown', path: out }],
  });
  const project = await app.convert();
  if (!project) throw new Error('The code does not compile.');
  for (const module of project.children ?? []) module.name = nameOf(module.name);
  for (const one of project.getReflectionsByKind(ReflectionKind.Parameter))
    if (one.name === '__namedParameters') one.name = 'options';
  project.getReflectionsByKind(ReflectionKind.TypeAlias).forEach(listMembers);
  app.validate(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('See the lines above.');
  await app.generateOutputs(project);
}

/** The source files behind the `exports` of package.json, and the class behind the type `Session`. */
function entryPoints() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const files = Object.values(exports)
    .filter((conditions) => typeof conditions !== 'string')
    .map(({ import: { types } }) => types.replace('./dist/esm/', 'lib/').replace('.d.ts', '.ts'));
  return [...files, 'lib/core/session.ts'].map((file) => join(root, file));
}

/** The comments of a union's members (codes, reasons, events), which the plugin leaves out, as a list. */
function listMembers({ type, comment }) {
  if (type?.type !== 'union' || !type.elementSummaries?.some((summary) => summary.length > 0)) return;
  const items = type.types.map((member, at) => {
    const text = (type.elementSummaries[at] ?? []).map((part) => part.text).join('');
    const name = member
      .toString()
      .replace(/^EventOf<(".+?")>(?: &)?/, '$1')
      .replaceAll('"', "'");
    return `- \`${name}\`${text && `: ${text}`}`;
  });
  comment?.summary.push({ kind: 'text', text: `\n\n${items.join('\n')}` });
}

function index() {
  const items = Object.entries(ABOUT).map(([page, about]) => `- [${titleOf(page)}](${page}.md): ${about}`);
  return `# Reference\n\nMade from the code by \`npm run docs\`.\n\n${items.join('\n')}\n`;
}

function pageOf(out, page) {
  const text = readFileSync(join(out, `${page}.md`), 'utf8');
  // The plugin numbers anchors as if `Session.data` and `Session.state` were headings.
  const linked = text.replace(/#session(data|state)-1\)/g, '#session$1)');
  return [`${page}.md`, linked.replace(/^# .*/, `# ${titleOf(page)}`)];
}

function titleOf(page) {
  if (page === 'session') return 'Session';
  return page === 'nest-sessions' ? page : `nest-sessions/${page}`;
}

/** `index` is the package itself, `stores/redis` is `redis`. */
function nameOf(module) {
  const [last] = module.split('/').slice(-1);
  return last === 'index' ? 'nest-sessions' : last;
}

function write() {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  for (const [name, text] of pages) writeFileSync(join(home, name), text);
  console.log(`docs/reference: ${pages.size} pages`);
}

function check() {
  const there = readdirSync(home);
  const stale = [...pages].filter(
    ([name, text]) => !there.includes(name) || readFileSync(join(home, name), 'utf8') !== text,
  );
  const changed = [...stale.map(([name]) => name), ...there.filter((name) => !pages.has(name))];
  if (changed.length === 0) return;
  console.error(`docs/reference is out of date (${changed.join(', ')}). Run: npm run docs`);
  process.exitCode = 1;
}
