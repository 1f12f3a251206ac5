import { contender, nameOn, PLATFORMS, type Contender, type Platform } from './contenders.js';
import type { Plan } from './options.js';
import type { Servers } from './processes.js';
import { profile } from './profiles.js';
import { inText } from './statistics.js';
import { measureThroughput, type Measured } from './throughput.js';

/** From the application without sessions to this library, by their names on Express. */
export const STEPS = [
  'none',
  'guard',
  'middleware',
  'hook',
  'interceptor',
  'response',
  'floor',
  'memory',
  'memory-interceptor',
] as const;

/** What the parts of the way through Nest cost a logged-in read. */
export async function measureAblation(plan: Plan, servers: Servers): Promise<Measured[]> {
  const read = profile('read');
  const races = PLATFORMS.map((platform) => ({
    profile: read,
    contenders: stepsOn(platform),
    heats: plan.heats ?? 2,
  }));
  const measured = await measureThroughput(plan, servers, races);
  print(measured);
  return measured;
}

const stepsOn = (platform: Platform): Contender[] => STEPS.map((name) => contender(nameOn(platform, name)));

function print(measured: readonly Measured[]): void {
  for (const platform of PLATFORMS) {
    console.log(`\nShares of no sessions on ${platform}, by requests per second and by CPU time`);
    for (const { name, title } of stepsOn(platform)) {
      const { share, cpuShare } = measured.find((one) => one.contender === name)!;
      console.log(`${inText(share).padEnd(22)} ${inText(cpuShare).padEnd(22)} ${title}`);
    }
  }
}
