import fc from 'fast-check';
import { FakeClock } from 'nest-sessions/testing';
import {
  subjectRevocationOf,
  type Revocation,
  type RevocationList,
} from '../../lib/revocations/revocation-list.js';
import { MOST_PER_SUBJECT } from '../../lib/revocations/revocation-table.js';
import { describeHost, hosts, startHost, type RevocationHost } from '../support/revocation-hosts.js';

const RUNS = 40;

/** Ids that a revocation spares, or names. */
const IDS = ['A', 'B'].map((letter) => letter.repeat(22));

for (const [name] of hosts)
  describeHost(name, `when the revocations of a subject began, by a list in ${name},`, () => {
    let host: RevocationHost;
    const clock = new FakeClock();
    const lists: RevocationList[] = [];
    let subjects = 0;

    beforeAll(async () => {
      host = await startHost(name);
    }, 60_000);
    afterEach(async () => {
      for (const list of lists.splice(0)) await list.close();
    });
    afterAll(() => host.stop(), 60_000);

    async function node(): Promise<RevocationList> {
      const list = await host.list();
      list.bind({ clock, clockInjected: true, timeout: 5_000, warn: () => undefined });
      lists.push(list);
      return list;
    }

    const entry = (
      subject: string,
      before: number,
      scope: Parameters<typeof subjectRevocationOf>[3],
    ): Revocation => subjectRevocationOf(subject, clock.now() + before, clock.now() + 3_600_000, scope);

    for (const [what, first, second] of [
      ['one for all by another', {}, {}],
      ['one that spares a session by one for all', { except: [IDS[0]!] }, {}],
      ['one that spares a session by the same again', { except: [IDS[0]!] }, { except: [IDS[0]!] }],
    ] as const) {
      it(`is kept when a node that has not read it replaces ${what}`, async () => {
        const [one, two] = [await node(), await node()];
        for (const list of [one, two]) await list.sync();
        const subject = `subject-${name}-${++subjects}`;
        const at = clock.now() + 2.125;
        await one.add(entry(subject, 1, { ...first, at }));
        await two.add(entry(subject, 2, { ...second, at: at - 1 }));
        const reader = await node();
        await reader.sync();
        expect(reader.revokedAt(subject)).toBe(at);
      });
    }

    it('is the latest time of all that were recorded, in whatever order they replace each other', async () => {
      const writer = await node();
      await writer.sync();
      const scopes = fc.oneof(
        fc.constant({}),
        fc.subarray(IDS, { minLength: 1 }).map((except) => ({ except })),
      );
      const ats = fc.double({ min: 0, max: 9_999, noNaN: true }).map((at) => Math.round(at * 1_000) / 1_000);
      const writes = fc.array(fc.tuple(scopes, fc.integer({ min: 0, max: 3 }), ats), {
        minLength: 1,
        maxLength: 6,
      });
      await fc.assert(
        fc.asyncProperty(writes, async (chosen) => {
          const subject = `subject-${name}-${++subjects}`;
          let latest = -Infinity;
          for (const [scope, before, offset] of chosen) {
            const at = clock.now() + offset;
            if (await writer.add(entry(subject, before, { ...scope, at }))) latest = Math.max(latest, at);
          }
          // A node that reads only what is left.
          const reader = await node();
          await reader.sync();
          expect([reader.revokedAt(subject), writer.revokedAt(subject)]).toEqual([latest, latest]);
        }),
        { numRuns: RUNS },
      );
    });

    it('is kept when too many revocations are merged into one', async () => {
      const writer = await node();
      await writer.sync();
      const subject = `subject-${name}-${++subjects}`;
      const at = clock.now() + 0.125;
      await writer.add(entry(subject, 0, { at }));
      // Each has a key of its own, so that the list counts them.
      for (let i = 0; i <= MOST_PER_SUBJECT; i++)
        await writer.add(entry(subject, 1, { only: [String(i).padStart(22, 'A')] }));
      const reader = await node();
      await reader.sync();
      expect(reader.revokedAt(subject)).toBe(at);
    });
  });
