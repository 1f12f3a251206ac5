import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { hookResponse, type ResponseListener } from '../../../../lib/http/response/response-hook.js';
import { http2Responses, type Http2Responses } from '../../../support/http2-responses.js';
import { HookedServer } from '../../../support/hooked-exchange.js';

const DOWN = new Error('the store is down');
const throwing = () => {
  throw DOWN;
};

type Call = (response: ServerResponse, callback: () => void) => void;

const CALLS: [string, Call][] = [
  ['a write', (response, callback) => void response.write('te', callback)],
  ['an end with a body', (response, callback) => void response.end('text', callback)],
  ['an end', (response, callback) => void response.end(callback)],
];

const FAILING: ResponseListener = {
  beforeHead: () => undefined,
  onHead: throwing,
  answerFailure: () => ({ status: 503, body: 'failed' }),
  onLost: () => undefined,
};

/** Of Node over HTTP/2, for which the hook writes the head of an `end` itself. */
const WITHOUT_BODY = ['GET', 'HEAD'].flatMap((method) =>
  [200, 204, 304, 404].map((status) => [method, status] as const),
);

describe('an end without a body over HTTP/2', () => {
  let over2: Http2Responses;
  beforeAll(async () => (over2 = await http2Responses()));
  afterAll(() => over2.close());

  it.each([undefined, Promise.resolve()])(
    'is replaced by a failure of the head, held or not (%p)',
    async (hold) => {
      const response = await over2.next();
      hookResponse(response, { ...FAILING, beforeHead: () => hold });
      response.end();
      expect(await over2.received()).toEqual({ status: 503, body: 'failed' });
    },
  );

  it.each(WITHOUT_BODY)('responds to %s with %d as without the hook', async (method, status) => {
    const outcomes = [];
    for (const hooked of [false, true]) {
      const response = await over2.next(method);
      if (hooked) hookResponse(response, { ...FAILING, onHead: () => undefined });
      response.statusCode = status;
      let finished = 0;
      response.end(() => finished++);
      outcomes.push([await over2.received(), finished, response.headersSent, response.writableEnded]);
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
    expect(outcomes[0]).toEqual([{ status, body: '' }, 1, true, true]);
  });
});

describe('the callback of the call whose head the listener fails', () => {
  let server: HookedServer;
  let over2: Http2Responses;
  beforeAll(async () => {
    server = await new HookedServer().listen();
    over2 = await http2Responses();
  });
  afterAll(() => {
    server.close();
    over2.close();
  });

  it.each(CALLS)('of %s is called once over HTTP/1', async (_what, call) => {
    let called = 0;
    await server.exchange(
      async (response) => {
        call(response, () => called++);
        await settled();
      },
      { onHead: throwing },
    );
    expect(called).toBe(1);
  });

  it.each(CALLS)('of %s is called once over HTTP/2', async (_what, call) => {
    const response = await over2.next();
    let called = 0;
    hookResponse(response, FAILING);
    call(response, () => called++);
    await settled();
    expect(called).toBe(1);
  });

  it('receives an error where the client has left meanwhile', async () => {
    const errors: unknown[] = [];
    const { received } = await server.exchange(
      async (response) => {
        response.write('te', (error) => errors.push(error));
        await settled();
      },
      {
        onHead: (head) => {
          (head as ServerResponse).destroy();
          throw DOWN;
        },
      },
    );
    expect(received).toBe('broken');
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_STREAM_DESTROYED' })]);
  });
});

/** Lets everything happen that is due, a round trip over loopback included. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn();
}
