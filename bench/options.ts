import { parseArgs } from 'node:util';
import type { Contender } from './contenders.js';
import { nodeOf, versionOf } from './nodes.js';

/** What is measured, and how long. Times are milliseconds. */
export interface Plan {
  node: string;
  version: string;
  rounds: number;
  roundTime: number;
  /** For each server, in turns with the others. */
  warmUp: number;
  /** How often what goals are about is measured, each time with new servers: some processes run the same code faster than others. By default each part has its own number. */
  heats?: number;
  connections: number;
  /** Whether goals measure growth and memory as well, which takes ten minutes. */
  growth: boolean;
  smoke: boolean;
  parts: ReadonlySet<string>;
  redis?: string;
  postgres?: string;
  /** The contenders that were asked for by name, in this order; what is not of all is not written. */
  named?: readonly string[];
  wants(profile: string): boolean;
  wantsContender(contender: Contender): boolean;
}

export const PARTS = ['throughput', 'latency', 'memory', 'growth', 'wire', 'ablation', 'goals'] as const;

/** Whether they run is seen in seconds; goals run what growth and memory run. */
const SMOKED = ['throughput', 'latency', 'wire', 'ablation', 'goals'];

export const USAGE = `npm run bench -- [options]
  --node <major>        run the servers on this Node, from npm; by default the one that runs the benches
  --rounds <n>          rounds of each contender in a heat (7)
  --seconds <n>         length of a round (0.25)
  --heats <n>           times that what goals are about is measured, each with new servers (4; 2 for goals and ablation)
  --only <parts>        by commas: throughput, latency, memory, growth, wire, ablation, goals
  --ablation            the same as --only ablation: what each part of the way costs
  --profiles <names>    by commas: anonymous, read, guard, write, roll, 4kB, 54kB, 54kB-all
  --contenders <names>  by commas: memory, express-session, ... (those without sessions always run); of the throughput
                        also what the first has of each other, and no results written
  --speed               of the goals, only those of requests per second, which takes half as long
  --smoke               one short round of everything small, answers checked, no results written
  --report              only render bench/results/*.json into docs/performance.md`;

const OPTIONS = {
  node: { type: 'string' },
  rounds: { type: 'string', default: '7' },
  seconds: { type: 'string', default: '0.25' },
  heats: { type: 'string' },
  only: { type: 'string' },
  ablation: { type: 'boolean', default: false },
  speed: { type: 'boolean', default: false },
  contenders: { type: 'string' },
  profiles: { type: 'string' },
  smoke: { type: 'boolean', default: false },
  report: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

export const readArguments = () => parseArgs({ options: OPTIONS }).values;

export function planOf(
  args: ReturnType<typeof readArguments>,
  servers: Pick<Plan, 'redis' | 'postgres'>,
): Plan {
  const node = nodeOf(args.node);
  const parts = partsOf(args);
  for (const part of parts) {
    if (!(PARTS as readonly string[]).includes(part))
      throw new Error(`--only: ${PARTS.join(', ')}\n\n${USAGE}`);
  }
  const profiles = listed(args.profiles);
  const contenders = listed(args.contenders);
  return {
    ...servers,
    node,
    version: versionOf(node),
    rounds: args.smoke ? 1 : Number(args.rounds),
    roundTime: args.smoke ? 50 : Number(args.seconds) * 1000,
    warmUp: args.smoke ? 50 : 8_000,
    heats: args.smoke ? 1 : args.heats === undefined ? undefined : Number(args.heats),
    connections: args.smoke ? 4 : 32,
    growth: !args.speed,
    smoke: args.smoke,
    parts,
    named: contenders && [...contenders],
    wants: (name) => profiles?.has(name) ?? true,
    wantsContender: (one) =>
      (one.needs === undefined || servers[one.needs] !== undefined) &&
      (one.package === undefined || isInstalled(one.package)) &&
      (one.kind === 'scale' || (contenders?.has(one.name) ?? true)),
  };
}

function partsOf({ only, ablation, smoke }: ReturnType<typeof readArguments>): Set<string> {
  const named = listed(only);
  if (ablation) return new Set([...(named ?? []), 'ablation']);
  return named ?? new Set<string>(smoke ? SMOKED : PARTS);
}

export function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

const listed = (text: string | undefined): Set<string> | undefined =>
  text === undefined ? undefined : new Set(text.split(','));
