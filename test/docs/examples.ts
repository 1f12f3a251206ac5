import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Example {
  /** Where the code begins, as `README.md:43`. */
  place: string;
  page: string;
  /** The heading above it. */
  heading: string;
  code: string;
}

/** README and docs, without the reference, which is made from the code. */
export const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** Every block of TypeScript. One with `// not compiled: <why>` in its first line is left out. */
export const examples: readonly Example[] = pages.flatMap(examplesOf);

function examplesOf(page: string): Example[] {
  const found: Example[] = [];
  const lines = readFileSync(page, 'utf8').split('\n');
  let heading = '';
  for (let i = 0; i < lines.length; i++) {
    heading = /^#+ (.+)$/.exec(lines[i]!)?.[1] ?? heading;
    if (!lines[i]!.startsWith('```')) continue;
    const end = lines.findIndex((line, at) => at > i && line.trim() === '```');
    const code = lines.slice(i + 1, end).join('\n');
    if (lines[i]!.trim() === '```ts' && !code.startsWith('// not compiled: '))
      found.push({ place: `${page}:${i + 2}`, page, heading, code });
    i = end;
  }
  return found;
}

let loaded = 0;

/**
 * Runs an example as printed, and returns what it exports.
 *
 * @param heading of the section, whose first example it is
 * @param globals what the example takes for granted: see `context.d.ts`
 */
export async function load<T>(page: string, heading: string, globals: object = {}): Promise<T> {
  const example = examples.find((one) => one.page === page && one.heading === heading);
  if (!example) throw new Error(`${page} has no example under "${heading}".`);
  Object.assign(globalThis, globals);
  // In the checkout, so that packages are found; a name of its own, so that it is run each time.
  const file = join(process.cwd(), '.cache', 'docs', `${process.pid}-${++loaded}.ts`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, example.code);
  try {
    return (await import(file)) as T;
  } finally {
    rmSync(file);
  }
}
