import { mkdirSync, readFileSync, existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { measureAblation } from './ablation.js';
import { cachesOf } from './caches.js';
import { contenders } from './contenders.js';
import { measureGoals } from './goals.js';
import { CASES, measureGrowth } from './growth.js';
import { measureLatency } from './latency.js';
import { measureMemory, SIZES } from './memory.js';
import { isInstalled, planOf, readArguments, USAGE, type Plan } from './options.js';
import { pin, Servers, startRedis } from './processes.js';
import { goalsText, pairsText, report, writeFormatted } from './report.js';
import { profiles } from './profiles.js';
import type { Results } from './results.js';
import { allRaces, measureThroughput, type Measured } from './throughput.js';
import { dropTables, postgresUrl } from './postgres.js';
import { measureWire } from './wire.js';

/** The repository, seen from the compiled file. */
const ROOT = join(import.meta.dirname, '..', '..');
const RESULTS = join(ROOT, 'bench', 'results');

const args = readArguments();
if (args.help) console.log(USAGE);
else if (args.report) await report(RESULTS, join(ROOT, 'docs', 'performance.md'));
else await run();

async function run(): Promise<void> {
  const began = performance.now();
  // Where only the answers count, both cores start servers.
  const pinned = !args.smoke && pin();
  const redis = await startRedis();
  const postgres = await postgresUrl();
  try {
    const plan = planOf(args, { redis: redis?.url, postgres });
    console.log(`Node ${plan.version}, ${cpus().length} cores, ${pinned ? 'pinned' : 'not pinned'}`);
    for (const missing of ['redis', 'postgres'] as const) {
      if (plan[missing] === undefined) console.log(`without ${missing}: it does not run here`);
    }
    for (const { name, package: needed } of contenders) {
      if (needed !== undefined && !isInstalled(needed)) console.log(`without ${name}: it is not installed`);
    }
    const results = await measure(plan);
    if (!plan.smoke && !plan.named) await write(plan, { pinned, ...results });
    if (plan.named && results.throughput) console.log(`\n${pairsText(plan.named, results.throughput)}`);
    if (results.goals) console.log(`\n${goalsText({ node: plan.version, goals: results.goals })}`);
    if (plan.smoke) console.log('\nOne short round: that all of it runs, and nothing about speed.');
    console.log(`\n${((performance.now() - began) / 60_000).toFixed(1)} minutes`);
  } finally {
    redis?.stop();
    if (postgres) await dropTables(postgres);
  }
}

async function measure(plan: Plan): Promise<Partial<Results>> {
  const servers = new Servers(plan.node, plan.smoke);
  try {
    return await measureParts(plan, servers);
  } finally {
    await servers.close();
  }
}

async function measureParts(plan: Plan, servers: Servers): Promise<Partial<Results>> {
  const { parts } = plan;
  const grows = parts.has('growth') || parts.has('goals');
  return {
    ...(parts.has('throughput') && { throughput: await measureThroughput(plan, servers, allRaces(plan)) }),
    ...(parts.has('latency') && { latency: await measureLatency(plan, servers) }),
    ...(parts.has('memory') && { memory: measureMemory(plan, SIZES) }),
    ...(parts.has('growth') && { growth: await measureGrowth(plan, CASES) }),
    ...(grows && { caches: await cachesOf(plan) }),
    ...(parts.has('wire') && { wire: await measureWire(plan) }),
    ...(parts.has('ablation') && { ablation: await measureAblation(plan, servers) }),
    ...(parts.has('goals') && { goals: await measureGoals(plan, servers) }),
  };
}

/** A part, or a profile, that was not measured this time stays as it was. */
async function write(plan: Plan, results: Partial<Results>): Promise<void> {
  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, `node${plan.version.split('.')[0]}.json`);
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<Results>) : {};
  if (results.throughput) results.throughput = merged(before.throughput ?? [], results.throughput);
  const about = {
    node: plan.version,
    cores: cpus().length,
    rounds: plan.rounds,
    roundTime: plan.roundTime,
    connections: plan.connections,
  };
  await writeFormatted(file, JSON.stringify({ ...before, ...about, ...results }, null, 2));
  await report(RESULTS, join(ROOT, 'docs', 'performance.md'));
}

/** By whole profiles: only what ran together can be compared. */
function merged(before: readonly Measured[], now: readonly Measured[]): Measured[] {
  const all = [...before.filter(({ profile }) => now.every((one) => one.profile !== profile)), ...now];
  return profiles.flatMap(({ name }) => all.filter(({ profile }) => profile === name));
}
