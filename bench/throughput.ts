import { contenders, PLATFORMS, scaleOf, type Contender } from './contenders.js';
import { hammer, request, type Connection } from './load.js';
import { pinBackends } from './postgres.js';
import type { Server, Servers } from './processes.js';
import { profiles, takesPart, type Profile } from './profiles.js';
import type { Plan } from './options.js';
import { inText, median, ratioOf, spreadOf, type Spread } from './statistics.js';
import { Visitors } from './visitors.js';
import { warmUp } from './warm-up.js';

export interface Measured {
  contender: string;
  profile: string;
  /** Requests per second. */
  rate: Spread;
  /** Of the rate of the application without sessions in the same round. */
  share: Spread;
  /** CPU time of a request to the application without sessions, over that of this one, in the same round. */
  cpuShare: Spread;
  /** Microseconds of the server's CPU time per request. */
  cpu: Spread;
  /** How busy the server's core was: near 1, or something else was the bottleneck. */
  busy: number;
  /** The rounds that all of these are of: requests per second, microseconds of CPU time per request. */
  rates: number[];
  cpus: number[];
}

/** A server of a contender. */
interface Entrant {
  contender: Contender;
  server: Server;
  visitors: Visitors;
  connections: readonly Connection[];
  rounds: Round[];
}

interface Round {
  rate: number;
  cpu: number;
  busy: number;
}

/** The share of its core that a server gets where nothing else runs there. */
const UNDISTURBED = 0.93;
const REPEATS = 2;

/** What is measured by turns: the contenders of one platform, the application without sessions among them. */
export interface Race {
  profile: Profile;
  contenders: readonly Contender[];
  /** How often, each time with new servers. */
  heats: number;
}

/** Every profile with every contender that it is for. */
export function allRaces(plan: Plan): Race[] {
  return profiles
    .filter(({ name }) => plan.wants(name))
    .flatMap((profile) =>
      racesOf(profile, profile.central ? (plan.heats ?? 4) : 1, (one) => plan.wantsContender(one)),
    );
}

/** A race of each platform, unless nobody but applications without sessions would run. */
export function racesOf(profile: Profile, heats: number, wants: (one: Contender) => boolean): Race[] {
  return PLATFORMS.flatMap((platform) => {
    const entering = contenders.filter(
      (one) => one.platform === platform && wants(one) && takesPart(one, profile),
    );
    return entering.every(({ kind }) => kind === 'scale') ? [] : [{ profile, contenders: entering, heats }];
  });
}

export async function measureThroughput(
  plan: Plan,
  servers: Servers,
  races: readonly Race[],
): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const race of races) measured.push(...(await run(plan, servers, race)));
  return measured;
}

async function run(plan: Plan, servers: Servers, race: Race): Promise<Measured[]> {
  const rounds = new Map<string, Round[]>(race.contenders.map(({ name }) => [name, []]));
  for (let heat = 0; heat < race.heats; heat++) {
    for (const entrant of await runHeat(plan, servers, race))
      rounds.get(entrant.contender.name)!.push(...entrant.rounds);
  }
  const results = summarise(race, rounds);
  for (const one of results) console.log(line(one));
  return results;
}

const line = ({ profile, contender, rate, share, cpu, busy }: Measured): string =>
  `${profile.padEnd(10)} ${contender.padEnd(26)} ${rate.median.toFixed(0).padStart(7)}/s ` +
  `${inText(share, 3)} ${cpu.median.toFixed(1)} us CPU, busy ${busy.toFixed(2)}`;

/** The rounds of one server of each contender. */
async function runHeat(plan: Plan, servers: Servers, { profile, contenders }: Race): Promise<Entrant[]> {
  const entrants: Entrant[] = [];
  try {
    entrants.push(...(await Promise.all(contenders.map((one) => enter(plan, servers, profile, one)))));
    await warmUp(plan, entrants);
    // Pools have opened all of their connections by now.
    if (contenders.some(({ needs }) => needs === 'postgres')) await pinBackends(plan.postgres!);
    const started = Date.now();
    // Each round begins with another one, so that nobody always follows the same neighbour.
    for (let round = 0; round < plan.rounds; round++) {
      for (let i = 0; i < entrants.length; i++)
        await runRound(entrants[(i + round) % entrants.length]!, plan);
    }
    if (profile.rolling) await assertRolled(entrants, started);
    return entrants;
  } finally {
    for (const { visitors, server } of entrants) {
      visitors.leave();
      await servers.giveBack(server);
    }
  }
}

async function enter(plan: Plan, servers: Servers, profile: Profile, contender: Contender): Promise<Entrant> {
  const server = await servers.take({
    contender: contender.name,
    rolling: profile.rolling ?? false,
    redis: plan.redis,
    postgres: plan.postgres,
  });
  try {
    const visitors = await Visitors.come(server, contender, profile, plan.connections);
    return { contender, server, visitors, connections: visitors.connections, rounds: [] };
  } catch (error) {
    throw new Error(`${contender.name}, ${profile.name}: ${(error as Error).message}`, { cause: error });
  }
}

/** A round in which the server did not have its core for itself is repeated, in the hope of a better one. */
async function runRound(entrant: Entrant, plan: Plan): Promise<void> {
  let best = await runOnce(entrant, plan);
  for (let repeated = 0; repeated < REPEATS && !plan.smoke && disturbed(entrant, best); repeated++) {
    const again = await runOnce(entrant, plan);
    if (again.busy > best.busy) best = again;
  }
  entrant.rounds.push(best);
}

/** Who waits for a store is not always busy. */
const disturbed = ({ contender }: Entrant, { busy }: Round): boolean =>
  contender.needs === undefined && busy < UNDISTURBED;

async function runOnce({ contender, server, connections }: Entrant, { roundTime }: Plan): Promise<Round> {
  const before = await server.usage();
  const { requests, milliseconds } = await hammer(connections, roundTime, !contender.needs).catch(
    (error: unknown) => {
      throw new Error(`${contender.name}: ${(error as Error).message}`, { cause: error });
    },
  );
  const after = await server.usage();
  const cpu = after.cpu - before.cpu;
  return { rate: (requests * 1000) / milliseconds, cpu: cpu / requests, busy: cpu / (milliseconds * 1000) };
}

/** That the requests of the profile did extend the sessions. Only ours tells when a session was last seen. */
async function assertRolled(entrants: readonly Entrant[], started: number): Promise<void> {
  for (const { contender, server, visitors } of entrants) {
    if (contender.kind !== 'ours') continue;
    const { body } = await request(server.port, 'GET', '/seen', visitors.cookies[0]);
    const at = Number(/"at":(\d+)/.exec(body)?.[1]);
    if (!(at > started)) throw new Error(`${contender.name}: no request extended the session`);
  }
}

function summarise({ profile, contenders }: Race, roundsOf: ReadonlyMap<string, Round[]>): Measured[] {
  const scale = roundsOf.get(scaleOf(contenders[0]!.platform))!;
  const [scaleRates, scaleCpus] = [ratesOf(scale), cpusOf(scale)];
  return contenders.map(({ name }) => {
    const rounds = roundsOf.get(name)!;
    const [rates, cpus] = [ratesOf(rounds), cpusOf(rounds)];
    return {
      contender: name,
      profile: profile.name,
      rate: spreadOf(rates),
      share: ratioOf(rates, scaleRates),
      cpuShare: ratioOf(scaleCpus, cpus),
      cpu: spreadOf(cpus),
      busy: median(rounds.map(({ busy }) => busy)),
      rates,
      cpus,
    };
  });
}

/** What one has of another, by both measures: at 0.9 it answers nine requests where the other answers ten. */
export const besides = (one: Measured, other: Measured): { rate: Spread; cpu: Spread } => ({
  rate: ratioOf(one.rates, other.rates),
  cpu: ratioOf(other.cpus, one.cpus),
});

const ratesOf = (rounds: readonly Round[]): number[] => rounds.map(({ rate }) => Math.round(rate));
const cpusOf = (rounds: readonly Round[]): number[] => rounds.map(({ cpu }) => Math.round(cpu * 10) / 10);
