import { parseArgs } from 'node:util';
import { PostgresServer } from '../support/postgres.js';
import { startRedis, stopServers } from '../support/servers.js';
import { keepBuild } from './build.js';
import { closeConnections } from './exchange.js';
import { missing, report } from './report.js';
import { round, type Servers } from './round.js';
import { FAULTS, type Fault } from './settings.js';

const USAGE = `npm run soak -- [--minutes 30] [--users 8] [--seed n] [--no-outages] [--sabotage ${FAULTS.join('|')}] [--self-test]

Mixed load on two processes over Redis, PostgreSQL and sealed cookies, while servers and processes are killed and paused.
Ends with 1 if an invariant was violated. --sabotage runs an application with that fault. --self-test runs one with each
of them, for some seconds, and ends with 1 if a fault is not found.`;

/** What each fault has to be found by. */
const FOUND_BY: Record<Fault, string> = {
  logout: 'a cookie that opens an ended session',
  write: 'data that is not what was acknowledged',
  update: 'data that is not what was acknowledged',
  identity: 'the page of somebody else',
  leak: 'memory that grows',
  rejection: 'a defect of a process',
  failure: 'a 503 without an outage',
  block: 'an event loop that is blocked',
};

/** By what is judged once the run is over; the others as soon as they happen. */
const FOUND_AT_THE_END: readonly Fault[] = ['leak', 'block'];

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    users: { type: 'string', default: '8' },
    seed: { type: 'string' },
    sabotage: { type: 'string' },
    'no-outages': { type: 'boolean', default: false },
    'self-test': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const interruption = new AbortController();
const { signal } = interruption;

async function main(): Promise<boolean> {
  const [minutes, users] = [Number(values.minutes), Number(values.users)];
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
  const fault = FAULTS.find((one) => one === values.sabotage);
  if (values.help || !(minutes > 0 && users > 0) || Number.isNaN(seed) || (values.sabotage && !fault)) {
    console.log(USAGE);
    return values.help;
  }
  keepBuild();
  let postgres: PostgresServer | undefined;
  try {
    // Processes are killed here and the machine is not: what they gave to the system before they replied outlives them.
    // Nothing waits for the disk, so that a 503 is never due to that.
    const redis = await startRedis(['--appendonly', 'yes', '--appendfsync', 'no']);
    postgres = await PostgresServer.start();
    const servers: Servers = { redis, postgres };
    if (values['self-test']) return await testItself(servers, seed);
    const outages = !values['no-outages'];
    const result = await round(servers, { seed, users, fault, outages, duration: minutes * 60_000, signal });
    console.log(report(result, seed));
    const undone = minutes < 1 ? [] : missing(result, outages && minutes >= 2);
    if (undone.length > 0) console.log(`not done: ${undone.join(', ')}`);
    return result.findings.violations.size === 0 && undone.length === 0;
  } finally {
    closeConnections();
    await postgres?.stop();
    await stopServers();
  }
}

async function testItself(servers: Servers, seed: number): Promise<boolean> {
  let ok = true;
  for (const fault of FAULTS) {
    const until = FOUND_BY[fault];
    const duration = FOUND_AT_THE_END.includes(fault) ? 12_000 : 45_000;
    const { findings } = await round(servers, {
      seed,
      users: 4,
      fault,
      until,
      outages: false,
      duration,
      signal,
    });
    const found = findings.violations.get(until)?.length ?? 0;
    console.log(`${found > 0 ? 'found' : 'NOT FOUND'}: ${fault}: ${until}, ${found} times`);
    ok &&= found > 0;
  }
  return ok;
}

for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => interruption.abort(new Error(`Interrupted by ${name}.`)));

process.exitCode = (await main()) ? 0 : 1;
