import { mkdirSync, writeFileSync } from 'node:fs';
import { cases } from './cases/index.js';
import { Lab, lackOf, type Case } from './case.js';
import type { Target } from './target.js';

/** What became of a case at a target. */
export interface Result {
  readonly id: string;
  readonly mark: 'yes' | 'no' | 'n/a' | '?' | 'spec';
  readonly reason?: string;
}

const HOME = new URL('../../.cache/conformance/', import.meta.url);

/** For the page that is made of it: `npm run conformance`. */
export function writeResults(name: string, content: object): void {
  mkdirSync(HOME, { recursive: true });
  writeFileSync(new URL(`${name.replace(/\W+/g, '-')}.json`, HOME), JSON.stringify(content, null, 1));
}

/** Every case has to hold here, or has a reason why it has no meaning. */
export function specifyOurs(target: Target): void {
  describe(target.title, () => {
    const results: Result[] = [];
    afterEach(() => target.close());
    afterAll(() => writeResults(target.name, { target: target.name, kind: 'ours', results }));

    for (const one of cases) {
      const lack = lackOf(one, target);
      if (one.run === undefined) {
        results.push({ id: one.id, mark: 'spec' });
      } else if (lack === undefined) {
        it(titleOf(one), async () => {
          const run = one.run!(new Lab(target));
          results.push({ id: one.id, mark: await passed(run) });
          await run;
        });
      } else {
        it(`${titleOf(one)} — has no meaning here: ${lack.reason}`, () => {
          // Of this library only what has no meaning may be left out: nothing for the want of a feature or a measurement.
          expect(lack.mark).toBe('n/a');
          results.push({ id: one.id, mark: 'n/a', reason: lack.reason });
        });
      }
    }
  });
}

/** What becomes of every case is recorded, and nothing is expected. */
export function recordPeer(target: Target): void {
  describe(target.title, () => {
    const results: Result[] = [];
    afterEach(() => target.close());
    afterAll(() => writeResults(target.name, { target: target.name, kind: 'peer', results }));

    for (const one of cases) {
      it(`is measured by ${titleOf(one)}`, async () => {
        results.push(await measured(one, target));
      });
    }
  });
}

async function measured(one: Case, target: Target): Promise<Result> {
  const lack = lackOf(one, target);
  if (lack) return { id: one.id, ...lack };
  if (one.run === undefined)
    return { id: one.id, mark: '?', reason: 'Proved by a spec of this library, not over HTTP.' };
  const failure = await failureOf(one.run(new Lab(target)));
  if (failure === undefined) return { id: one.id, mark: 'yes' };
  if (process.env['CONFORMANCE_VERBOSE']) process.stderr.write(`${target.name} ${one.id}: ${failure}\n`);
  const reason = target.notes?.[one.id] ?? one.note;
  return { id: one.id, mark: 'no', ...(reason !== undefined && { reason }) };
}

const passed = async (run: Promise<void>): Promise<'yes' | 'no'> =>
  (await failureOf(run)) === undefined ? 'yes' : 'no';

/** What is wrong, in words; `undefined` where all is well. */
async function failureOf(run: Promise<void>): Promise<string | undefined> {
  try {
    await run;
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

const titleOf = ({ id, title, source }: Case): string => `${id} ${title} [${source}]`;
