import { jest } from '@jest/globals';
import fc from 'fast-check';
import compression from 'compression';
import {
  SeamServer,
  type Call,
  type Front,
  type Outcome,
  type Plan,
  type Setting,
} from '../support/hook-server.js';

/*
 * Jest fails the test that runs when a rejection is not handled or an error not caught, so that none of these
 * may end a process.
 */

jest.setTimeout(120_000);

let server: SeamServer;
beforeAll(async () => (server = await new SeamServer().listen()));
afterAll(() => server.close());

const one = fc.constantFrom;
const values = one<unknown>(
  'plain',
  'caf\u00e9',
  '',
  7,
  'en \u2013 dash',
  'line\nbreak',
  undefined,
  null,
  ['a', 'b'],
  ['\u2013'],
  {},
);
const names = one(
  'x-one',
  'X-Two',
  'vary',
  'Cache-Control',
  'set-cookie',
  'content-type',
  'trailer',
  '',
  'no token',
  'b(d',
);
const statuses = one<unknown>(
  200,
  200,
  200,
  201,
  204,
  304,
  404,
  '202',
  200.9,
  99,
  1000,
  0,
  -1,
  NaN,
  undefined,
  null,
  'text',
);
const messages = one<unknown>('Fine', '', 'caf\u00e9', 'en \u2013 dash', 'line\nbreak');
const chunks = one<unknown>(
  'text',
  'text',
  '',
  Buffer.from('bytes'),
  new Uint8Array([1, 2]),
  undefined,
  null,
  0,
  1,
  false,
  true,
  {},
  [1],
);
const encodings = one<unknown>(undefined, undefined, null, 'utf8', 'latin1', 'hex');

const pairs = fc.uniqueArray(fc.tuple(names, values), { maxLength: 3, selector: ([name]) => name });
const headers = fc.oneof(
  { weight: 3, arbitrary: pairs.map((list) => Object.fromEntries(list)) },
  pairs,
  pairs.map((list) => list.flat()),
  pairs.map((list) => [...list.flat(), 'x-odd']),
  fc.constant(undefined),
);
const heads = fc.oneof(
  fc.tuple(statuses),
  fc.tuple(statuses, headers),
  fc.tuple(statuses, messages),
  fc.tuple(statuses, messages, headers),
  fc.tuple(statuses, fc.constant(undefined), headers),
);

const call = (method: string, args: fc.Arbitrary<readonly unknown[]>): fc.Arbitrary<Call> =>
  args.map((given) => ({ method, args: given }));

/** What prepares an answer, and may come too late. */
const preparing = fc.oneof(
  call('setHeader', fc.tuple(names, values)),
  call('appendHeader', fc.tuple(names, values)),
  call('removeHeader', fc.tuple(names)),
  call('status', fc.tuple(one<unknown>(200, 404, 99, 1000))),
  call('message', fc.tuple(messages)),
);
const answering = fc.oneof(
  { weight: 3, arbitrary: call('writeHead', heads) },
  { weight: 3, arbitrary: call('write', fc.tuple(chunks, encodings)) },
  { weight: 2, arbitrary: call('end', fc.tuple(chunks, encodings)) },
  call('end', fc.tuple()),
  call('flushHeaders', fc.tuple()),
);
const calls = fc.array(fc.oneof({ weight: 1, arbitrary: preparing }, { weight: 4, arbitrary: answering }), {
  minLength: 1,
  maxLength: 6,
});
const methods = one('GET', 'GET', 'POST', 'HEAD');
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
  it('throw, emit and send the same with the hook as without it, whenever the answer goes on', async () => {
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

  it('leave nobody without an answer where the commit or the listener fails', async () => {
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
