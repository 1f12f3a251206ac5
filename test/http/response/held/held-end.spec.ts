import type { ServerResponse } from 'node:http';
import { HeldInMemory, settled } from '../../../support/held-response.js';

const STORE_DOWN = new Error('the store is down');
const writeAfterEnd = expect.objectContaining({ code: 'ERR_STREAM_WRITE_AFTER_END' }) as unknown;

const failing = (error: Error) => (): never => {
  throw error;
};

describe('a second end of a held response', () => {
  it('fails with a body: its callback and the listeners receive the error while the response is held', async () => {
    const held = new HeldInMemory();
    const received: unknown[] = [];
    held.response.on('error', (error) => received.push(error));
    held.response.end('text');
    held.response.end('more', ((error: unknown) => received.push(error)) as never);
    await settled();
    expect(received).toEqual([writeAfterEnd, writeAfterEnd]);
    await held.release();
    expect(held.sent).toMatch(/\r\n\r\ntext$/);
    expect(received).toHaveLength(2);
  });

  it('is no error without a body', async () => {
    const held = new HeldInMemory();
    const received: unknown[] = [];
    held.response.on('error', (error) => received.push(error));
    held.response.end('text');
    held.response.end();
    await settled();
    await held.release();
    expect([received, held.lost]).toEqual([[], []]);
    expect(held.sent).toMatch(/\r\n\r\ntext$/);
  });

  it('reaches code that patched end before the hook, as it does where nothing is held', async () => {
    const seen: unknown[] = [];
    const held = new HeldInMemory({
      before: (response) => {
        const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
        response.end = ((...args: unknown[]) => (seen.push(args), end(...args))) as typeof response.end;
      },
    });
    held.response.end('text');
    held.response.end();
    expect(seen).toEqual([]);
    await held.release();
    expect(seen).toEqual([['text'], []]);
    expect(held.sent).toMatch(/\r\n\r\ntext$/);
  });

  it('is no different from a write after the end, which fails as well', async () => {
    const held = new HeldInMemory();
    const received: unknown[] = [];
    held.response.on('error', (error) => received.push(error));
    held.response.end('text');
    expect(held.response.write('more', (error) => received.push(error))).toBe(false);
    await settled();
    expect(received).toEqual([writeAfterEnd, writeAfterEnd]);
    await held.release();
    expect(held.sent).toMatch(/\r\n\r\ntext$/);
    expect(received).toHaveLength(2);
  });

  it('has its callback called when the response is sent', async () => {
    const held = new HeldInMemory();
    const called: string[] = [];
    held.response.end('text');
    held.response.end(() => called.push('end'));
    await settled();
    expect(called).toEqual([]);
    await held.release();
    expect(called).toEqual(['end']);
  });

  it('refuses an invalid body at the first end, and can be ended then', async () => {
    const held = new HeldInMemory();
    held.response.write('te');
    expect(() => held.response.end(7 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    expect(held.response.writableEnded).toBe(false);
    held.response.end('xt');
    await held.release();
    expect(held.sent).toMatch(/\r\n2\r\nte\r\n2\r\nxt\r\n0\r\n\r\n$/);
  });
});

describe('the callbacks of a held response', () => {
  it.each<[string, (response: ServerResponse, callback: () => void) => unknown]>([
    ['write', (response, callback) => response.write('te', callback)],
    ['end', (response, callback) => response.end('text', callback)],
  ])('cut it off where that of %s throws', async (_method, act) => {
    const held = new HeldInMemory();
    const error = new Error('of the callback');
    act(held.response, failing(error));
    await held.release();
    expect([held.lost, held.response.destroyed]).toEqual([[error], true]);
  });

  it('receive an error, or nothing of an end, where the client left meanwhile', async () => {
    const held = new HeldInMemory();
    const received: unknown[] = [];
    held.response.write('te', (error) => received.push('write', error));
    held.response.end(() => received.push('end'));
    held.response.destroy();
    await held.release();
    expect(received).toEqual(['write', expect.objectContaining({ code: 'ERR_STREAM_DESTROYED' })]);
    expect([held.sent, held.answered, held.lost]).toEqual(['', [], []]);
  });

  it('have no head before them where the client left after the application had written one', async () => {
    const heads: unknown[] = [];
    const held = new HeldInMemory({ onHead: (head) => void heads.push(head) });
    held.response.writeHead(201);
    held.response.destroy();
    await held.release();
    expect([held.sent, heads, held.answered, held.lost]).toEqual(['', [], [], []]);
  });

  it('cut it off where a listener of drain throws', async () => {
    const held = new HeldInMemory();
    const error = new Error('of the listener');
    held.response.write('te');
    held.response.on('drain', failing(error));
    await held.release();
    expect([held.lost, held.response.destroyed]).toEqual([[error], true]);
  });

  it('are called where a failure replaces it', async () => {
    const held = new HeldInMemory();
    const called: string[] = [];
    held.response.write('te', () => called.push('write'));
    held.response.once('drain', () => called.push('drain'));
    held.response.end(() => called.push('end'));
    await held.fail(STORE_DOWN);
    expect(called.sort()).toEqual(['drain', 'end', 'write']);
    expect([held.status, held.answered]).toEqual(['503 Service Unavailable', [STORE_DOWN]]);
  });
});
