// test/mutation/survivors.md: each mutant that no test notices, and why. The code identifies it; its line is for the reader.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('../../test/mutation/survivors.md', import.meta.url));
const INTRODUCTION = `# Mutants that survive

Changes of the code that no test notices, and why none has to. \`npm run mutation\` writes this page; the reasons are written by hand.
CI fails if a mutant of the pure parts survives that is not here, or if one that is here does not survive.
`;
const OPEN = 'TO EXPLAIN';
const ENTRY =
  /^### (?<path>\S+):(?<line>\d+)\n\n```diff\n(?<diff>[\s\S]*?)\n```\n\n(?<why>[\s\S]*?)\n*(?=^### |$(?![\s\S]))/gm;

/**
 * Compares the page with the files of a report of Stryker.
 *
 * @returns the entries of the page as they should be, and what is wrong with it: `open` are those without a reason, `gone` those
 * that do not survive
 */
export function compare(files) {
  const survivors = mutantsOf(files, 'Survived', 'NoCoverage');
  // A busy machine may have noticed these by its slowness alone.
  const late = mutantsOf(files, 'Timeout');
  const [others, known] = [[], []];
  for (const entry of entries()) (Object.hasOwn(files, entry.path) ? known : others).push(entry);
  const [open, gone] = [[], []];
  const kept = survivors.map((survivor) => {
    const at = known.findIndex((entry) => isSame(entry, survivor));
    const [entry] = at === -1 ? [] : known.splice(at, 1);
    if (!entry || entry.why === OPEN) open.push(`survives unexplained: ${shown(survivor)}`);
    return { ...survivor, why: entry?.why ?? OPEN };
  });
  for (const entry of known) {
    if (late.some((mutant) => isSame(entry, mutant))) kept.push(entry);
    else gone.push(`is on the page, and does not survive: ${shown(entry)}`);
  }
  return { entries: [...others, ...kept], open, gone };
}

export function write(all) {
  const sorted = all.toSorted((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
  const texts = sorted.map(
    ({ path, line, diff, why }) => `### ${path}:${line}\n\n\`\`\`diff\n${diff}\n\`\`\`\n\n${why}\n`,
  );
  writeFileSync(PAGE, [INTRODUCTION, ...texts].join('\n'));
}

function entries() {
  if (!existsSync(PAGE)) return [];
  return [...readFileSync(PAGE, 'utf8').matchAll(ENTRY)].map(({ groups }) => ({
    ...groups,
    line: Number(groups.line),
  }));
}

/** In the order of the code. */
function mutantsOf(files, ...states) {
  return Object.entries(files).flatMap(([path, { source, mutants }]) =>
    mutants
      .filter(({ status }) => states.includes(status))
      .sort(
        (a, b) =>
          a.location.start.line - b.location.start.line || a.location.start.column - b.location.start.column,
      )
      .map((mutant) => ({ path, line: mutant.location.start.line, diff: diffOf(source, mutant) })),
  );
}

const isSame = (one, other) => one.path === other.path && one.diff === other.diff;

const shown = ({ path, line, diff }) => `${path}:${line}\n${diff}`;

/** Whole lines, before and after. */
function diffOf(source, { location: { start, end }, replacement }) {
  const lines = source.split('\n');
  const before = lines.slice(start.line - 1, end.line);
  const head = before[0].slice(0, start.column - 1);
  const tail = before.at(-1).slice(end.column - 1);
  const after = `${head}${replacement}${tail}`.split('\n');
  return [...before.map((line) => `- ${line.trim()}`), ...after.map((line) => `+ ${line.trim()}`)].join('\n');
}
