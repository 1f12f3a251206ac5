import { setImmediate as turn } from 'node:timers/promises';
import { once } from 'node:events';
import { codeThrownBy, emittedErrors, FAILURE, HookedServer } from '../../../support/hooked-exchange.js';

let server: HookedServer;
beforeAll(async () => (server = await new HookedServer().listen()));
afterAll(() => server.close());

/** A callback that records the code of its error, or that there was none. */
const recorder = (codes: unknown[]) => (error?: unknown) =>
  void codes.push((error as NodeJS.ErrnoException | null | undefined)?.code ?? 'none');

const failsAtHead = () => {
  throw new Error('the store is down');
};

describe('after the end', () => {
  it.each<[string, boolean]>([
    ['sent', false],
    ['held', true],
  ])('of a response that is %s, a write fails in its callback alone, at once', async (_how, holds) => {
    const codes: unknown[] = [];
    const { received } = await server.exchange(
      async (response, { resolve }) => {
        const errors = emittedErrors(response);
        response.end('text');
        expect(response.write('more', recorder(codes))).toBe(false);
        await turn();
        expect(codes).toEqual(['ERR_STREAM_WRITE_AFTER_END']);
        resolve();
        await turn();
        expect(errors).toEqual([]);
      },
      { holds },
    );
    expect(received).toMatchObject({ status: 200, body: 'text' });
    expect(codes).toHaveLength(1);
  });

  it('an invalid write still throws', async () => {
    await server.exchange((response) => {
      response.end('text');
      expect(codeThrownBy(() => response.write(7))).toBe('ERR_INVALID_ARG_TYPE');
    });
  });

  it('an end with a chunk fails in its callback alone', async () => {
    const codes: unknown[] = [];
    const { received } = await server.exchange(async (response) => {
      const errors = emittedErrors(response);
      response.end('text');
      response.end('more', recorder(codes));
      await turn();
      expect([codes, errors]).toEqual([['ERR_STREAM_WRITE_AFTER_END'], []]);
    });
    expect(received).toMatchObject({ status: 200, body: 'text' });
  });

  it('an end without a chunk is told that the response is finished, not of a write', async () => {
    const codes: unknown[] = [];
    await server.exchange(async (response) => {
      response.end('text');
      response.end(recorder(codes));
      await once(response, 'close');
    });
    // By how fast the socket is, Node calls it as the response finishes or as one that is finished already.
    expect(['none', 'ERR_STREAM_ALREADY_FINISHED']).toContain(codes.join());
  });
});

describe('after a failure has replaced the response', () => {
  it('a stream may write what remains, which is discarded, and its callbacks are called', async () => {
    const written: unknown[] = [];
    const ended: unknown[] = [];
    const { received, events } = await server.exchange(
      async (response) => {
        const errors = emittedErrors(response);
        const closed = once(response, 'close');
        // The failure replaces the response during this call.
        expect(response.write('te', recorder(written))).toBe(true);
        expect(response.write('xt', recorder(written))).toBe(false);
        await once(response, 'drain');
        response.end('end', recorder(ended));
        await closed;
        expect(errors).toEqual([]);
      },
      { onHead: failsAtHead },
    );
    expect(received).toMatchObject(FAILURE);
    expect(written).toEqual(['none', 'none']);
    expect(['none', 'ERR_STREAM_ALREADY_FINISHED']).toContain(ended.join());
    expect(events).toEqual(['before 200', 'head', 'failure: Error: the store is down']);
  });

  it.each<[string, boolean]>([
    ['sent', false],
    ['held', true],
  ])('a stream that waits for nothing else lets the process go on (%s)', async (_how, holds) => {
    let turned = false;
    let written = 0;
    const { received } = await server.exchange(
      async (response, { reject }) => {
        response.flushHeaders();
        if (holds) reject(new Error('the store is down'));
        setImmediate(() => setImmediate(() => (turned = true)));
        while (!turned && written++ < 10_000) if (!response.write('te')) await once(response, 'drain');
        response.end();
      },
      { holds, onHead: holds ? undefined : failsAtHead },
    );
    expect(received).toMatchObject(FAILURE);
    expect(written).toBeLessThan(100);
  });

  it('and is sent, the callback of a write is told that the response is gone', async () => {
    const codes: unknown[] = [];
    await server.exchange(
      async (response) => {
        const closed = once(response, 'close');
        response.writeHead(201);
        await closed;
        expect(response.write('te', recorder(codes))).toBe(false);
        await once(response, 'drain');
      },
      { onHead: failsAtHead },
    );
    expect(codes).toEqual(['ERR_STREAM_DESTROYED']);
  });

  it('an error of a listener of drain is reported', async () => {
    const { received, events } = await server.exchange(
      async (response) => {
        const closed = once(response, 'close');
        response.writeHead(201);
        await closed;
        response.on('drain', () => {
          throw new Error('of the listener');
        });
        response.write('te');
        await turn();
        await turn();
      },
      { onHead: failsAtHead },
    );
    expect(received).toMatchObject(FAILURE);
    expect(events).toContain('lost: Error: of the listener');
  });

  it('the callback of the end that caused it is called once', async () => {
    const ended: unknown[] = [];
    const { received } = await server.exchange(
      async (response) => {
        response.end('text', recorder(ended));
        await once(response, 'close');
      },
      { onHead: failsAtHead },
    );
    expect(received).toMatchObject(FAILURE);
    expect(ended).toHaveLength(1);
  });

  it('an end that comes after it was sent is told so', async () => {
    const codes: unknown[] = [];
    await server.exchange(
      async (response) => {
        const finished = once(response, 'finish');
        response.writeHead(201);
        await finished;
        response.end('text', recorder(codes));
        await turn();
      },
      { onHead: failsAtHead },
    );
    expect(codes).toEqual(['ERR_STREAM_ALREADY_FINISHED']);
  });

  it('an invalid write still throws', async () => {
    const { received } = await server.exchange(
      (response) => {
        response.writeHead(201);
        expect(codeThrownBy(() => response.write(7))).toBe('ERR_INVALID_ARG_TYPE');
      },
      { onHead: failsAtHead },
    );
    expect(received).toMatchObject(FAILURE);
  });

  it('the failure is not cached, and the listener that failed at the head is not called for another', async () => {
    const { received, events } = await server.exchange((response) => void response.end('text'), {
      onHead: failsAtHead,
    });
    expect(received).toMatchObject({ ...FAILURE, headers: { 'cache-control': 'no-store' } });
    expect(events).toEqual(['before 200', 'head', 'failure: Error: the store is down']);
  });

  it.each<[string, boolean, string]>([
    ['write', false, 'close'],
    ['write', true, 'close'],
    ['end', false, 'keep-alive'],
    ['end', true, 'keep-alive'],
  ])('of %s (held: %p), the connection closes if more may come: %s', async (method, holds, connection) => {
    const { received } = await server.exchange(
      async (response, { reject }) => {
        response.shouldKeepAlive = true;
        response[method as 'write' | 'end']('text');
        if (holds) reject(new Error('the store is down'));
        await turn();
        response.end();
      },
      { holds, onHead: holds ? undefined : failsAtHead },
    );
    expect(received).toMatchObject({ ...FAILURE, headers: { connection } });
  });
});
