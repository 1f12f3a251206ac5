import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { HookedServer } from '../../../support/hooked-exchange.js';

let server: HookedServer;
beforeAll(async () => (server = await new HookedServer().listen()));
afterAll(() => server.close());

const DOWN = new Error('the store is down');

describe('a client that disconnects while its response is held', () => {
  it.each<[string, boolean]>([
    ['goes on', false],
    ['fails', true],
  ])('is sent nothing when that %s, and the writes fail', async (_how, fails) => {
    const codes: unknown[] = [];
    const { received, events } = await server.exchange(
      async (response, { resolve, reject }) => {
        response.write('te', (error) => codes.push((error as NodeJS.ErrnoException | undefined)?.code));
        response.end('xt');
        response.destroy();
        if (fails) reject(DOWN);
        else resolve();
        await turn();
        await turn();
      },
      { holds: true },
    );
    expect(received).toBe('broken');
    expect(codes).toEqual(['ERR_STREAM_DESTROYED']);
    expect(events).toEqual(['before 200']);
  });
});

it('does not describe a failure at the head to a client that is gone', async () => {
  const { received, events } = await server.exchange(
    (response) => {
      response.destroy();
      expect(response.writeHead(200)).toBe(response);
    },
    {
      onHead: () => {
        throw DOWN;
      },
    },
  );
  expect(received).toBe('broken');
  expect(events).toEqual(['before 200', 'head']);
});

describe('a callback that throws', () => {
  it.each<[string, (() => void) | undefined]>([
    ['', undefined],
    [
      ', even where the listener cannot take the error',
      () => {
        throw new Error('the log is full');
      },
    ],
  ])('cuts a held response off%s', async (_even, onLost) => {
    const { received, events } = await server.exchange(
      async (response, { resolve }) => {
        response.write('te', () => {
          throw new Error('of the application');
        });
        const closed = once(response, 'close');
        resolve();
        await closed;
      },
      { holds: true, ...(onLost && { onLost }) },
    );
    expect(received).toBe('broken');
    expect(events).toEqual(['before 200', 'head', 'lost: Error: of the application']);
  });
});
