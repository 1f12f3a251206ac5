import { attack, type Attacked, type Progress } from '../../lib/attack/attack.js';
import { CHECKS } from '../../lib/attack/checks/index.js';
import { readConfig } from '../../lib/attack/config/read.js';
import { Client } from '../../lib/attack/http/client.js';

const ids = CHECKS.map(({ id }) => id);

interface How {
  insecure?: boolean;
  only?: readonly string[];
  progress?: Progress;
}

/** Attacks a target by a config as it would stand in the file. */
export async function attackOn(url: string, config: object, how: How = {}): Promise<Attacked> {
  const client = new Client(new URL(url), { timeout: 10_000, insecure: how.insecure ?? false });
  try {
    return await attack(readConfig(JSON.stringify(config), {}, ids), client, how.progress, how.only);
  } finally {
    client.close();
  }
}

/** The ids of the checks that failed, or were not carried out. */
export const failuresOf = ({ results }: Attacked): string[] =>
  results.flatMap(({ id, outcome, reason }) => {
    if (outcome === 'error') return [`${id}: ${reason}`];
    return outcome === 'failed' ? [id] : [];
  });
