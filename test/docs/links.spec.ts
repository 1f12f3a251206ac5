import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, matchesGlob, normalize } from 'node:path';

const pages = [
  'README.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const codeless = (page: string) => readFileSync(page, 'utf8').replace(/^```[\s\S]*?^```/gm, '');

/** As GitHub makes the anchors of the headings: of several alike the later ones are numbered. */
function anchorsOf(page: string): string[] {
  const times = new Map<string, number>();
  const text = codeless(page);
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) => {
    const anchor = title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    const before = times.get(anchor) ?? 0;
    times.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!)];
}

const linksOf = (page: string): string[] =>
  [...codeless(page).matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)/gm)]
    .map(([, inline, reference]) => (inline ?? reference)!)
    .filter((link) => !/^[a-z]+:/.test(link));

function isBroken(page: string, link: string): boolean {
  const [path, anchor] = link.split('#');
  const target = path ? normalize(join(dirname(page), path)) : page;
  return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
}

/** What npm publishes beside package.json, README and LICENSE. */
const { files } = JSON.parse(readFileSync('package.json', 'utf8')) as { files: string[] };
const isPublished = (path: string): boolean =>
  ['README.md', 'LICENSE', ...files].some((one) => matchesGlob(path, one) || path.startsWith(`${one}/`));

describe('links of README and docs', () => {
  it.each(pages)('lead to a file in the package: %s', (page) => {
    const targets = linksOf(page).flatMap((link) => {
      const [path] = link.split('#');
      return path ? [normalize(join(dirname(page), path))] : [];
    });
    expect(targets.filter((target) => !isPublished(target))).toEqual([]);
  });

  it.each(pages)('lead to a file and a heading: %s', (page) => {
    expect(linksOf(page).filter((link) => isBroken(page, link))).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  const rows = [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `([\w-]+)`/gm)].map(
    ([, name]) => name,
  );
  const named = (file: string, pattern: RegExp) =>
    [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, name]) => name);

  it('has a row for each code and each event, and for nothing else', () => {
    const codes = named('lib/core/util/errors.ts', /^ {2}\| '(ERR_\w+)'/gm);
    const events = named('lib/core/events/events.ts', /EventOf<'([\w-]+)'>/g);
    expect(codes.length).toBeGreaterThan(20);
    expect(events.length).toBeGreaterThan(10);
    expect(rows.sort()).toEqual([...codes, ...events].sort());
  });
});
