import type { ServerResponse } from 'node:http';
import { codeThrownBy, HookedServer } from '../../../support/hooked-exchange.js';

let server: HookedServer;
beforeAll(async () => (server = await new HookedServer().listen()));
afterAll(() => server.close());

type Call = (response: ServerResponse) => unknown;

const withStatus99 =
  (call: Call): Call =>
  (response) => {
    response.statusCode = 99;
    return call(response);
  };

describe('a first call that Node refuses', () => {
  it.each<[string, Call, string]>([
    ['write with an invalid status', withStatus99((r) => r.write('te')), 'ERR_HTTP_INVALID_STATUS_CODE'],
    ['end with an invalid status', withStatus99((r) => r.end('text')), 'ERR_HTTP_INVALID_STATUS_CODE'],
    [
      'flushHeaders with an invalid status',
      withStatus99((r) => r.flushHeaders()),
      'ERR_HTTP_INVALID_STATUS_CODE',
    ],
    ['write of a number', (r) => r.write(7), 'ERR_INVALID_ARG_TYPE'],
    ['write of nothing', (r) => r.write(null), 'ERR_STREAM_NULL_VALUES'],
    ['end with a number', (r) => r.end(7 as never), 'ERR_INVALID_ARG_TYPE'],
    ['write with an unknown encoding', (r) => r.write('te', 'klingon' as never), 'ERR_UNKNOWN_ENCODING'],
    ['end with an unknown encoding', (r) => r.end('te', 'klingon' as never), 'ERR_UNKNOWN_ENCODING'],
  ])('%s throws to the application before the listener is called', async (_what, call, code) => {
    const { received, events } = await server.exchange((response) => {
      expect(codeThrownBy(() => call(response))).toBe(code);
      expect(response.headersSent).toBe(false);
      response.statusCode = 404;
      response.end('text');
    });
    expect(received).toMatchObject({ status: 404, body: 'text' });
    expect(events).toEqual(['before 404', 'head']);
  });

  it('is passed as a whole to earlier code that corrects it, and no part of it is held', async () => {
    const { received } = await server.exchange((response) => withStatus99((r) => r.end('text'))(response), {
      holds: true,
      earlier: (response) => {
        const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
        response.end = (...args: unknown[]) => {
          response.statusCode = 200;
          return end(...args);
        };
      },
    });
    expect(received).toMatchObject({ status: 200, body: 'text' });
  });
});

describe('a held response', () => {
  it('refuses a second head at the call, and sends the first', async () => {
    const { received, events } = await server.exchange(
      (response, { resolve }) => {
        response.writeHead(201);
        expect(codeThrownBy(() => response.writeHead(202))).toBe('ERR_HTTP_HEADERS_SENT');
        response.end('text');
        resolve();
      },
      { holds: true },
    );
    expect(received).toMatchObject({ status: 201, body: 'text' });
    expect(events).toEqual(['before 201', 'head']);
  });

  it.each<[string, unknown, string]>([
    ['a number', 7, 'ERR_INVALID_ARG_TYPE'],
    ['nothing', null, 'ERR_STREAM_NULL_VALUES'],
  ])('refuses a later write of %s at the call', async (_what, chunk, code) => {
    const { received } = await server.exchange(
      (response, { resolve }) => {
        response.write('te');
        expect(codeThrownBy(() => response.write(chunk))).toBe(code);
        response.end('xt');
        resolve();
      },
      { holds: true },
    );
    expect(received).toMatchObject({ status: 200, body: 'text' });
  });
});

describe('the listener', () => {
  it.each<[string, boolean]>([
    ['passed on', false],
    ['held', true],
  ])('is called once for a response of many calls that is %s', async (_how, holds) => {
    const { received, events } = await server.exchange(
      (response, { resolve }) => {
        response.flushHeaders();
        response.write('te');
        response.flushHeaders();
        response.write('xt');
        response.end();
        resolve();
      },
      { holds },
    );
    expect(received).toMatchObject({ status: 200, body: 'text' });
    expect(events).toEqual(['before 200', 'head']);
  });

  it('is not called again for a second head, which Node refuses', async () => {
    const { events } = await server.exchange((response) => {
      response.writeHead(201);
      expect(codeThrownBy(() => response.writeHead(202))).toBe('ERR_HTTP_HEADERS_SENT');
      response.end();
    });
    expect(events).toEqual(['before 201', 'head']);
  });

  it('is called by flushHeaders, which sends the head at once', async () => {
    const { events } = await server.exchange((response) => {
      response.flushHeaders();
      expect(response.headersSent).toBe(true);
      response.end();
    });
    expect(events).toEqual(['before 200', 'head']);
  });
});
