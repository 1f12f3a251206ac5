import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { STEPS } from './ablation.js';
import { chart } from './chart.js';
import { contender, contenders, nameOn, PLATFORMS, type Platform } from './contenders.js';
import { goalsOf, verdictOf, type Goal, type GoalRun } from './goals.js';
import { CENTRAL } from './memory.js';
import { profiles } from './profiles.js';
import type { Results } from './results.js';
import { inText, type Spread } from './statistics.js';
import { besides, type Measured } from './throughput.js';

/** Renders all results: a table and a chart beside each, and the tables between the markers of the docs. */
export async function report(results: string, docs: string): Promise<void> {
  const all = readdirSync(results)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(results, name), 'utf8')) as Results)
    .sort((a, b) => major(b) - major(a));
  for (const one of all) {
    await writeFormatted(
      join(results, `node${major(one)}.md`),
      `# Node ${major(one)}\n\n${everything(one)}\n`,
    );
    if (one.throughput) writeFileSync(join(results, `read-node${major(one)}.svg`), chart(one));
  }
  if (existsSync(docs)) await writeFormatted(docs, filledIn(readFileSync(docs, 'utf8'), all));
}

/** As the rest of the repository is formatted. */
export async function writeFormatted(file: string, text: string): Promise<void> {
  writeFileSync(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
}

const SECTIONS: Record<string, (results: Results) => string> = {
  goals,
  ablation,
  throughput,
  latency,
  memory,
  growth,
  wire,
};

const everything = (results: Results): string =>
  Object.values(SECTIONS)
    .map((section) => section(results))
    .filter((text) => text !== '')
    .join('\n\n');

/** `<!-- bench:goals -->` … `<!-- /bench -->` gets the section of every Node that was measured. */
function filledIn(text: string, all: Results[]): string {
  return text.replace(
    /(<!-- bench:(\w+) -->\n)[^]*?(<!-- \/bench -->)/g,
    (_whole, open: string, name: string, close: string) => {
      const parts = all.map(SECTIONS[name]!).filter((part) => part !== '');
      return `${open}\n${parts.join('\n\n')}\n\n${close}`;
    },
  );
}

function goals(results: Results): string {
  if (!results.goals) return '';
  const rows = goalsOf(results.node, ratiosOf(results.goals, results)).map((goal) => [
    goal.title,
    goal.platform ? TITLES[goal.platform] : '',
    bound(goal),
    cell(goal.rate ?? goal.bytes),
    cell(goal.cpu),
    emphasised(verdictOf(goal)),
  ]);
  const head = ['logged-in read', 'adapter', 'goal', 'by requests per second', 'by CPU time', ''];
  return `${caption(results)}\n\n${table(head, rows)}${caches(results)}`;
}

/** Growth and memory are each compared within themselves, so goals of speed alone (`--speed`) take them from their own tables. */
const ratiosOf = (run: GoalRun, { growth = [], memory = [] }: Results): GoalRun => ({
  ...run,
  growth: run.growth.length > 0 ? run.growth : growth,
  memory: run.memory.length > 0 ? run.memory : memory.filter(({ sessions }) => sessions === CENTRAL),
});

const bound = ({ goal, most }: Goal): string =>
  goal === undefined ? '–' : `${most ? '≤' : '≥'} ${goal.toFixed(2)}`;

const emphasised = (verdict: string): string =>
  /^(only|not reached)/.test(verdict) ? `**${verdict}**` : verdict;

/** The same for a terminal. */
export function goalsText(results: Pick<Results, 'node' | 'goals'>): string {
  const rows = goalsOf(results.node, results.goals!).map((goal) => [
    [goal.title, goal.platform].filter(Boolean).join(', '),
    bound(goal),
    inTextOrNot(goal.rate ?? goal.bytes),
    inTextOrNot(goal.cpu),
    verdictOf(goal),
  ]);
  return columns([['', 'goal', 'by requests per second', 'by CPU time', ''], ...rows]);
}

/** For a terminal: what the first of some contenders has of each other, in every profile that both were measured in. */
export function pairsText([first, ...others]: readonly string[], measured: readonly Measured[]): string {
  const find = (name: string, profile: string): Measured | undefined =>
    measured.find((one) => one.contender === name && one.profile === profile);
  const rows = profiles.flatMap(({ name: profile }) =>
    others.flatMap((name) => {
      const [one, other] = [find(first!, profile), find(name, profile)];
      if (!one || !other) return [];
      const { rate, cpu } = besides(one, other);
      return [[`${profile}: ${first} / ${name}`, inText(rate, 3), inText(cpu, 3)]];
    }),
  );
  return columns([['', 'by requests per second', 'by CPU time'], ...rows]);
}

function columns(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((text, i) => text.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function ablation(results: Results): string {
  const { ablation: measured } = results;
  if (!measured) return '';
  const rows = STEPS.map((name) => [
    contender(name).title,
    ...PLATFORMS.flatMap((platform) => {
      const found = measured.find((one) => one.contender === nameOn(platform, name));
      return [cell(found?.share), cell(found?.cpuShare)];
    }),
  ]);
  const ways = ['by requests per second', 'by CPU time'];
  const head = ['', ...PLATFORMS.flatMap((platform) => ways.map((way) => `${TITLES[platform]}, ${way}`))];
  return `${caption(results)}, logged-in read, shares of no sessions\n\n${table(head, rows)}`;
}

function throughput(results: Results): string {
  if (!results.throughput) return '';
  const chartFile = `../bench/results/read-node${major(results)}.svg`;
  const picture = `![Logged-in reads on Node ${major(results)}, as shares of the application without sessions](${chartFile})`;
  const tables = (['express', 'fastify'] as const).flatMap((platform) => [
    throughputTable(results, platform, 'by CPU time', ({ cpuShare }) => cpuShare),
    throughputTable(results, platform, 'by requests per second', ({ share }) => share),
  ]);
  return [picture, ...tables].join('\n\n');
}

function throughputTable(
  results: Results,
  platform: Platform,
  how: string,
  shareOf: (measured: Measured) => Spread,
): string {
  const measured = results.throughput!;
  const shareIn = (name: string, profile: string): string => {
    const found = measured.find((one) => one.contender === name && one.profile === profile);
    return cell(found && shareOf(found));
  };
  const here = contenders.filter(
    ({ name, ...one }) => one.platform === platform && measured.some(({ contender }) => contender === name),
  );
  const shown = profiles.filter(({ name }) =>
    measured.some(({ contender, profile }) => profile === name && here.some((one) => one.name === contender)),
  );
  const rows = here.map(({ name, title, kind }) => [
    kind === 'ours' ? `**${title}**` : title,
    cpuOf(results, name),
    ...shown.map((profile) => shareIn(name, profile.name)),
  ]);
  return `${caption(results)}, ${TITLES[platform]}, ${how}\n\n${table(['', 'CPU of a read, µs', ...shown.map((one) => one.title)], rows)}`;
}

function cpuOf({ throughput: measured }: Results, contender: string): string {
  const found = measured!.find((one) => one.contender === contender && one.profile === 'read');
  return found ? found.cpu.median.toFixed(1) : '–';
}

function latency(results: Results): string {
  if (!results.latency?.[0]) return '';
  const rows = results.latency.map(({ contender, p50, p99 }) => [titleOf(contender), ms(p50), ms(p99)]);
  const { rate } = results.latency[0];
  return `${caption(results)}, ${count(rate)} requests arriving each second\n\n${table(['', 'p50, ms', 'p99, ms'], rows)}`;
}

function memory(results: Results): string {
  if (!results.memory) return '';
  const sizes = [...new Set(results.memory.map(({ sessions }) => sessions))];
  const stores = [...new Set(results.memory.map(({ store }) => store))];
  const rows = stores.map((store) => [
    `${store}, MemoryStore`,
    ...sizes.map((size) => {
      const found = results.memory!.find((one) => one.store === store && one.sessions === size);
      return found ? count(Math.round(found.bytes)) : '–';
    }),
  ]);
  return `${caption(results)}, bytes for each of\n\n${table(['', ...sizes.map(count)], rows)}`;
}

function growth(results: Results): string {
  if (!results.growth) return '';
  const rows = results.growth.map(({ contender, of, count: n, time, cpu, grownTime, grownCpu }) => [
    titleOf(contender),
    `${count(n)} ${of}`,
    spread(time, 1),
    spread(grownTime),
    spread(cpu, 1),
    spread(grownCpu),
  ]);
  const head = ['', 'with', 'µs a request', 'over the first', 'µs of CPU a request', 'over the first'];
  return `${caption(results)}\n\n${table(head, rows)}${caches(results)}`;
}

function wire(results: Results): string {
  if (!results.wire) return '';
  const rows = results.wire.map(({ contender, profile, roundTrips, sent, received }) => [
    titleOf(contender),
    profiles.find(({ name }) => name === profile)!.title,
    String(Math.round(roundTrips * 10) / 10),
    count(Math.round(sent)),
    count(Math.round(received)),
  ]);
  return `${caption(results)}\n\n${table(['', 'request', 'round trips', 'bytes sent', 'bytes received'], rows)}`;
}

/** Under what tells of growth. */
const caches = ({ caches: limits }: Results): string =>
  limits
    ? `\n\nEach request is of a session drawn from all of them, none twice before all had their turn; of a million in PostgreSQL 100,000 are drawn from, which lie scattered among the others. Caches: ${limits.join('; ')}.`
    : '';

const caption = ({ node }: Results): string => `Node ${node}`;
const major = ({ node }: Results): number => Number(node.split('.')[0]);
const titleOf = (name: string): string => contenders.find((one) => one.name === name)!.title;
const ms = (value: number): string => value.toFixed(2);
const count = (value: number): string => value.toLocaleString('en-US');

const TITLES: Record<Platform, string> = { express: 'Express', fastify: 'Fastify' };

const cell = (one: Spread | undefined): string => (one ? spread(one) : '–');
const inTextOrNot = (one: Spread | undefined): string => (one ? inText(one) : '–');

const spread = ({ median, lower, upper }: Spread, digits = 2): string =>
  `${median.toFixed(digits)} <sub>${lower.toFixed(digits)}–${upper.toFixed(digits)}</sub>`;

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
