import { jest } from '@jest/globals';
import fc from 'fast-check';
import compression from 'compression';
import { SeamServer, type Front, type Outcome, type Plan, type Setting } from '../../support/hook-server.js';
import { calls, methods } from '../../support/response-calls.js';

/*
 * Jest fails the test that runs when a rejection is not handled or an error not caught, so that none of these
 * may end a process.
 */

jest.setTimeout(120_000);

let server: SeamServer;
beforeAll(async () => (server = await new SeamServer().listen()));
afterAll(() => server.close());

const one = fc.constantFrom;
const held = fc.option(fc.integer({ min: 1, max: 7 }), { nil: undefined });

/** Without what differs by time and connection. */
function comparable(outcome: Outcome): unknown {
  if ('broken' in outcome) return outcome;
  const { date: _date, connection: _connection, 'x-session': _session, ...rest } = outcome.headers;
  return { ...outcome, headers: rest };
}

/** Fewer at home, where every run costs somebody's time. */
const runs = { numRuns: Number(process.env['LATE_CALLS_RUNS'] ?? (process.env['CI'] ? 1_500 : 300)) };

describe('the calls of an application on a response', () => {
  it('throw, emit and send the same with the hook as without it, whenever the response continues', async () => {
    const plans = fc.record<Plan>({
      held,
      commit: fc.constant('stored'),
      head: one('quiet', 'quiet', 'adds'),
      answer: fc.constant('told'),
    });
    await fc.assert(
      fc.asyncProperty(methods, calls, plans, async (method, sequence, plan) => {
        const plain = await server.run(method, sequence, plan, { plain: true });
        const hooked = await server.run(method, sequence, plan);
        expect(hooked.thrown).toEqual(plain.thrown);
        expect(hooked.emitted).toEqual(plain.emitted);
        expect(comparable(hooked.outcome)).toEqual(comparable(plain.outcome));
        expect(hooked.lost).toEqual([]);
      }),
      runs,
    );
  });

  it('always end in a response where the commit or the listener fails', async () => {
    const plans = fc.record<Plan>({
      held,
      commit: one('stored', 'fails'),
      head: one('quiet', 'adds', 'throws'),
      answer: one('told', 'throws'),
    });
    await fc.assert(
      fc.asyncProperty(methods, calls, plans, async (method, sequence, plan) => {
        const { outcome } = await server.run(method, sequence, plan);
        if (plan.commit === 'fails' && 'status' in outcome) expect([500, 503]).toContain(outcome.status);
      }),
      runs,
    );
  });

  const compress: Front = (response) => {
    response.req.headers['accept-encoding'] = 'gzip';
    compression({ threshold: 0 })(response.req as never, response as never, () => undefined);
  };

  it.each<[string, Setting]>([
    ['before', { before: compress }],
    ['after', { after: compress }],
  ])('leave nobody without an answer with compression %s the hook', async (_where, front) => {
    const plans = fc.record<Plan>({
      held,
      commit: one('stored', 'stored', 'fails'),
      head: one('quiet', 'adds', 'throws'),
      answer: one('told', 'told', 'throws'),
    });
    await fc.assert(
      fc.asyncProperty(methods, calls, plans, async (method, sequence, plan) => {
        await server.run(method, sequence, plan, front);
      }),
      runs,
    );
  });
});
