import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './exploration.js';

/** A case that failed once. */
interface Regression {
  input: string;
  /** What did not hold. */
  found: string;
}

/** The cases of a target, which its spec replays. */
export function regressionsOf(directory: string, target: string): string[] {
  const folder = join(directory, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => (JSON.parse(readFileSync(join(folder, name), 'utf8')) as Regression).input);
}

/** Keeps a case, and returns the path of its file. */
export function keep(directory: string, target: string, { input, error }: Finding): string {
  const folder = join(directory, target);
  mkdirSync(folder, { recursive: true });
  const name = createHash('sha256').update(JSON.stringify(input)).digest('hex').slice(0, 12);
  const path = join(folder, `${name}.json`);
  const regression: Regression = { input, found: String(error) };
  writeFileSync(path, `${JSON.stringify(regression, null, 2)}\n`);
  return path;
}
