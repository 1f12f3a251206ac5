import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cases, chapters } from './cases/index.js';
import { writeResults } from './run.js';

const root = new URL('../../', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');

/** R11 and R21 do not exist. */
const NUMBERS = Array.from({ length: 93 }, (_, n) => n + 1).filter((n) => ![11, 21].includes(n));
const IDS = [...NUMBERS.map((n) => `R${n}`), ...Array.from({ length: 11 }, (_, n) => `I${n + 1}`)];

describe('the cases of the conformance suite', () => {
  it('are one for each requirement and each lesson', () => {
    expect(cases.map(({ id }) => id).sort()).toEqual([...IDS].sort());
  });

  it.each(cases.map((one) => [one.id, one] as const))(
    '%s has a proof: a run, or specs that exist',
    (_, one) => {
      expect(one.run !== undefined || (one.specs ?? []).length > 0).toBe(true);
      for (const { file, title } of one.specs ?? []) {
        expect([file, existsSync(new URL(file, root))]).toEqual([file, true]);
        expect([file, title, read(file).includes(title)]).toEqual([file, title, true]);
      }
    },
  );

  it('know nothing of the library', () => {
    const files = ['case.ts', 'client.ts', 'target.ts', ...chapters.map(([, file]) => `cases/${file}.ts`)];
    const found = readdirSync(new URL('./cases/', import.meta.url)).filter((name) => name !== 'index.ts');
    expect(found.sort()).toEqual([...chapters.map(([, file]) => `${file}.ts`), 'values.ts'].sort());
    for (const file of [...files, 'cases/values.ts'])
      expect([file, read(`test/conformance/${file}`).match(/from '(nest-sessions.*|.*\/lib\/.*)'/)]).toEqual([
        file,
        null,
      ]);
  });

  afterAll(() => {
    const content = chapters.map(([name, file, some]) => ({
      name,
      file: `test/conformance/cases/${file}.ts`,
      cases: some.map(({ id, title, source, note, run, specs = [] }) => ({
        id,
        title,
        source,
        ...(note && { note }),
        runs: run !== undefined,
        specs: [...new Set(specs.map((one) => one.file))],
      })),
    }));
    writeResults('cases', { chapters: content });
  });
});
