import { setTimeout as wait } from 'node:timers/promises';
import type { Prng } from '../model/scenario.js';
import { PostgresServer } from '../support/postgres.js';
import { RedisServer } from '../support/servers.js';
import { NodeProcess } from './process.js';
import type { Kind } from './settings.js';

export type Part = 'Redis' | 'PostgreSQL' | 'node';

interface Outage {
  part: Part;
  began: number;
  /** Infinity while it lasts. */
  ended: number;
}

/** What applications may take to work again after an outage, in milliseconds: connections, backlogs, the list's poll. */
const RECOVERY = 5_000;

const NEEDS: Record<Kind, Part> = { Redis: 'Redis', PostgreSQL: 'PostgreSQL', sealed: 'Redis' };

/** The outages so far, and what they excuse. */
export class Outages {
  readonly #all: Outage[] = [];
  readonly counts = new Map<string, number>();

  begin(part: Part, how: string): () => void {
    const outage: Outage = { part, began: performance.now(), ended: Infinity };
    this.#all.push(outage);
    this.counts.set(`${how} ${part}`, (this.counts.get(`${how} ${part}`) ?? 0) + 1);
    return () => (outage.ended = performance.now());
  }

  /** Whether the store of this kind was away at some moment of a request. */
  ofStore(kind: Kind, began: number, ended: number): boolean {
    return this.#any(NEEDS[kind], began, ended);
  }

  ofNode(began: number, ended: number): boolean {
    return this.#any('node', began, ended);
  }

  /** Whether what was sent before this time has been carried out by now, or never will be. */
  settled(kind: Kind, since: number): boolean {
    const now = performance.now();
    return now - since > RECOVERY && !this.ofStore(kind, since, now) && !this.ofNode(since, now);
  }

  #any(part: Part, began: number, ended: number): boolean {
    for (let i = this.#all.length - 1; i >= 0; i--) {
      const outage = this.#all[i]!;
      if (outage.part === part && outage.began <= ended && outage.ended + RECOVERY >= began) return true;
    }
    return false;
  }
}

export interface Parts {
  redis: RedisServer;
  postgres: PostgresServer;
  /** The process that is killed now and then. The other one runs all the time. */
  node: NodeProcess;
}

/** Kills and pauses one part after another, each kind once before any comes again, until told to stop. */
export async function chaos(
  { redis, postgres, node }: Parts,
  outages: Outages,
  random: Prng,
  signal: AbortSignal,
): Promise<void> {
  // Some end before the applications give up, some do not.
  const pause = () => wait(300 + random.int(6_000));
  const absence = () => wait(200 + random.int(1_500));
  const kinds: (() => Promise<void>)[] = [
    () => during('Redis', 'pauses of', async () => (redis.pause(), await pause(), redis.resume())),
    () => during('Redis', 'kills of', async () => (await redis.kill(), await absence(), await redis.start())),
    () => during('PostgreSQL', 'pauses of', async () => (postgres.pause(), await pause(), postgres.resume())),
    () =>
      during('PostgreSQL', 'kills of', async () => {
        await postgres.kill();
        await absence();
        await postgres.run();
      }),
    () => during('node', 'kills of', async () => (await node.kill(), await absence(), await node.start())),
  ];
  async function during(part: Part, how: string, act: () => Promise<void>): Promise<void> {
    const end = outages.begin(part, how);
    await act();
    end();
  }
  while (!signal.aborted) {
    const round = [...kinds];
    while (round.length > 0 && !signal.aborted) {
      await wait(3_000 + random.int(8_000), undefined, { signal }).catch(() => undefined);
      const [act] = round.splice(random.int(round.length), 1);
      if (!signal.aborted) await act!();
    }
  }
}
