import type { SessionStore } from 'nest-sessions';
import { describeSessionStore, type TestRunner } from 'nest-sessions/testing';
import { ReferenceEngine, ReferenceStore } from '../support/reference-store.js';
import { MUTANTS } from './mutants/index.js';

/** Races are run again, and so is what a pause of this machine may have hidden. */
const ATTEMPTS = 3;

/** The cases of the contract by their titles, as functions. */
interface Suite {
  cases: Map<string, () => Promise<void>>;
  skipped: string[];
  prepare(): Promise<void>;
}

function suiteOf(make: () => SessionStore, secondNode?: () => SessionStore): Suite {
  const cases = new Map<string, () => Promise<void>>();
  const skipped: string[] = [];
  let prepare = async (): Promise<void> => undefined;
  const runner: TestRunner = {
    describe: (_, body) => body(),
    it: (title, body) => {
      if (cases.has(title)) throw new Error(`Two cases are called "${title}".`);
      cases.set(title, body);
    },
    skip: (title) => skipped.push(title),
    beforeAll: (body) => (prepare = body),
    afterAll: () => undefined,
  };
  describeSessionStore('a store', make, { runner, patience: 400, ...(secondNode && { secondNode }) });
  return { cases, skipped, prepare: () => prepare() };
}

describe('the contract of a session store', () => {
  const engine = new ReferenceEngine();
  const correct = suiteOf(
    () => new ReferenceStore(engine),
    () => new ReferenceStore(engine),
  );
  beforeAll(() => correct.prepare());

  it.each([...correct.cases.keys()])('is kept by a correct store: %s', async (title) => {
    await correct.cases.get(title)!();
  });

  it('reports what it skips where there is no second node', () => {
    const { skipped } = suiteOf(() => new ReferenceStore());
    expect(skipped).toEqual([expect.stringMatching(/skipped.*"secondNode"/)]);
  });

  it('is broken in at least 130 ways, each of its own', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(130);
    const names = MUTANTS.map(({ breaks, name }) => `${breaks} ${name}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('has no case that none of them needs', () => {
    const needed = new Set(MUTANTS.flatMap(({ noticedBy }) => noticedBy));
    expect([...correct.cases.keys()].filter((title) => !needed.has(title))).toEqual([]);
  });

  describe('notices', () => {
    const table = MUTANTS.flatMap(({ breaks, name, noticedBy, make }) =>
      noticedBy.map((title) => [breaks, name, title, make] as const),
    );

    it.each(table)('%s: %s, at "%s"', async (_breaks, _name, title, make) => {
      expect([...correct.cases.keys()]).toContain(title);
      expect(await isNoticed(make, title)).toBe(true);
    });
  });
});

async function isNoticed(make: (engine: ReferenceEngine) => SessionStore, title: string): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const engine = new ReferenceEngine();
    const broken = suiteOf(
      () => make(engine),
      () => make(engine),
    );
    await broken.prepare();
    try {
      await broken.cases.get(title)!();
    } catch {
      return true;
    }
  }
  return false;
}
