import type { ServerResponse } from 'node:http';
import { HeldInMemory } from '../../../support/held-response.js';
import { unsentResponse } from '../../../support/unsent-response.js';

const STORE_DOWN = new Error('the store is down');

const failing = (error: Error) => (): never => {
  throw error;
};

/** Wraps `writeHead` as code does that patches a response after the hook. */
function wrapWriteHead(response: ServerResponse, wrap: (status: number) => readonly unknown[]) {
  const original = response.writeHead as (...args: unknown[]) => ServerResponse;
  return (response.writeHead = function (this: ServerResponse, status: number) {
    return original.apply(this, [...wrap(status)]);
  } as ServerResponse['writeHead']);
}

/** What Node throws for a head after the head was sent. */
function secondHeadOfNode(): unknown {
  try {
    return unsentResponse().writeHead(200).writeHead(201);
  } catch (error) {
    return error;
  }
}

describe('the head of a held response', () => {
  it.each<[string, (response: ServerResponse) => unknown]>([
    ['writeHead', (response) => response.writeHead(200)],
    ['write', (response) => response.write('te')],
    ['flushHeaders', (response) => response.flushHeaders()],
    ['end', (response) => response.end('text')],
  ])('is refused a second time, as by Node, after %s', async (_method, begin) => {
    const held = new HeldInMemory();
    begin(held.response);
    const { code, message } = secondHeadOfNode() as NodeJS.ErrnoException;
    expect(code).toBe('ERR_HTTP_HEADERS_SENT');
    expect(() => held.response.writeHead(201)).toThrow(expect.objectContaining({ code, message }));
    held.response.end();
    await held.release();
    expect(held.status).toBe('200 OK');
  });

  it.each([200, 201, 404])('shows its status of %i in statusCode at once', async (status) => {
    const held = new HeldInMemory();
    held.response.statusCode = 500;
    held.response.writeHead(status);
    expect(held.response.statusCode).toBe(status);
    held.response.end();
    await held.release();
    expect(held.status).toMatch(new RegExp(`^${status} `));
  });

  it.each<[string, (response: ServerResponse) => unknown]>([
    ['write', (response) => response.write('te')],
    ['end', (response) => response.end('text')],
  ])('has the status and the message of the time of the first %s', async (_method, begin) => {
    const held = new HeldInMemory();
    held.response.statusCode = 201;
    held.response.statusMessage = 'Made';
    begin(held.response);
    held.response.statusCode = 404;
    held.response.statusMessage = 'Lost';
    await held.release();
    expect(held.status).toBe('201 Made');
  });

  it('has the usual message where one is set only later', async () => {
    const held = new HeldInMemory();
    held.response.end('text');
    held.response.statusMessage = 'Later';
    await held.release();
    expect(held.status).toBe('200 OK');
  });

  it('has the headers of the time of the call', async () => {
    const held = new HeldInMemory();
    const headers = { 'X-Own': 'then' };
    held.response.writeHead(200, headers).end('text');
    headers['X-Own'] = 'later';
    await held.release();
    expect(held.sent).toContain('X-Own: then\r\n');
  });

  it('is replaced by a failure alone where the listener throws as it is written', async () => {
    let heads = 0;
    const held = new HeldInMemory({
      onHead: () => {
        if (heads++ === 0) throw STORE_DOWN;
      },
    });
    held.response.end('text');
    await held.release();
    expect(held.status).toBe('503 Service Unavailable');
    expect(held.sent.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(held.sent).toMatch(/\r\n\r\n\{"failed":true\}$/);
    expect([held.answered, held.lost]).toEqual([[STORE_DOWN], []]);
  });

  it('is replaced by a failure also where earlier code writes it after the response was released', async () => {
    let heads = 0;
    const held = new HeldInMemory({
      onHead: () => {
        if (heads++ === 0) throw STORE_DOWN;
      },
      // Such as code that collects the body to calculate its length.
      before: (response) => {
        const end = response.end.bind(response) as (chunk: string) => ServerResponse;
        let body = '';
        response.write = (chunk: string) => ((body += chunk), true);
        response.end = ((chunk: string) => end(body + chunk)) as typeof response.end;
      },
    });
    held.response.write('te');
    await held.release();
    expect(held.sent).toBe('');
    held.response.end('xt');
    expect(held.status).toBe('503 Service Unavailable');
    expect([held.answered, held.lost]).toEqual([[STORE_DOWN], []]);
  });
});

describe('a writeHead that other code wrapped after the hook', () => {
  it('is called at the first call of the response, once, and decides about the head', async () => {
    const held = new HeldInMemory();
    const seen: unknown[] = [];
    const wrapper = wrapWriteHead(held.response, (status) => {
      seen.push([status, held.response.headersSent]);
      held.response.setHeader('X-Set', '1');
      return [202, 'Wrapped', { 'X-Given': '1' }];
    });
    held.response.write('te');
    expect(seen).toEqual([[200, false]]);
    held.response.end('xt');
    await held.release();
    expect(seen).toHaveLength(1);
    expect(held.status).toBe('202 Wrapped');
    expect(held.sent).toMatch(/\r\nX-Set: 1\r\nX-Given: 1\r\n/);
    expect(held.response.writeHead).toBe(wrapper);
  });

  it('may set the message of the status, which is kept', async () => {
    const held = new HeldInMemory();
    wrapWriteHead(held.response, (status) => {
      held.response.statusMessage = 'Wrapped';
      return [status];
    });
    held.response.end('text');
    held.response.statusMessage = 'Later';
    await held.release();
    expect(held.status).toBe('200 Wrapped');
  });

  it('replaces the response by a failure where it throws, which the application does not notice', async () => {
    const held = new HeldInMemory();
    const error = new Error('of the wrapper');
    const original = held.response.writeHead;
    wrapWriteHead(held.response, failing(error));
    expect(held.response.end('text')).toBe(held.response);
    held.response.writeHead = original;
    await held.release();
    expect(held.status).toBe('503 Service Unavailable');
    expect([held.answered, held.lost]).toEqual([[error], []]);
  });

  it('refuses a head of the application after it was called', async () => {
    const held = new HeldInMemory();
    wrapWriteHead(held.response, (status) => [status]);
    held.response.write('te');
    expect(() => held.response.writeHead(404)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }),
    );
    await held.release();
    expect(held.status).toBe('200 OK');
  });

  it('is called as the head is written where it was wrapped while the response was held', async () => {
    const held = new HeldInMemory();
    held.response.end('text');
    const seen: number[] = [];
    const wrapper = wrapWriteHead(held.response, (status) => (seen.push(status), [status]));
    expect(seen).toEqual([]);
    await held.release();
    expect(seen).toEqual([200]);
    expect(held.response.writeHead).toBe(wrapper);
  });

  it('remains where the application began by writeHead', async () => {
    const held = new HeldInMemory();
    const seen: number[] = [];
    const wrapper = wrapWriteHead(held.response, (status) => (seen.push(status), [status]));
    held.response.writeHead(404).end('text');
    await held.release();
    expect([seen, held.status]).toEqual([[404], '404 Not Found']);
    expect(held.response.writeHead).toBe(wrapper);
  });

  it('is not needed: a late head is refused after the response was sent', async () => {
    const held = new HeldInMemory();
    held.response.end('text');
    await held.release();
    expect(() => held.response.writeHead(404)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }),
    );
  });
});
