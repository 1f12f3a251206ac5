import { jest } from '@jest/globals';
import { UpdateQueue } from '../../../lib/core/operations/update-queue.js';

const PATIENCE = 2_000;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

const within = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

describe('the queue of updates', () => {
  it('runs those of one name one after the other, in their order', async () => {
    const queue = new UpdateQueue(PATIENCE);
    const order: string[] = [];
    const work = (name: string) =>
      queue.run('a', 'k', async (waited) => {
        order.push(`${name} ${waited ? 'waited' : 'at once'}`);
        await within(10);
        order.push(`${name} done`);
      });
    const all = Promise.all([work('1'), work('2'), work('3')]);
    await jest.advanceTimersByTimeAsync(40);
    await all;
    expect(order).toEqual(['1 at once', '1 done', '2 waited', '2 done', '3 waited', '3 done']);
  });

  it('goes on after one that fails', async () => {
    const queue = new UpdateQueue(PATIENCE);
    const failed = queue.run('a', 'k', () => Promise.reject(new Error('no')));
    const next = queue.run('a', 'k', () => Promise.resolve('next'));
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('next');
  });

  it('goes on without one that never settles, and then again one after the other', async () => {
    const queue = new UpdateQueue(PATIENCE);
    void queue.run('a', 'k', () => new Promise(() => undefined));
    let [running, most, done] = [0, 0, 0];
    const waiters = Array.from({ length: 50 }, () =>
      queue.run('a', 'k', async () => {
        most = Math.max(most, ++running);
        await within(5);
        running--;
        done++;
      }),
    );
    await jest.advanceTimersByTimeAsync(PATIENCE - 1);
    expect(done + running).toBe(0);
    await jest.advanceTimersByTimeAsync(300);
    await Promise.all(waiters);
    expect([done, most]).toEqual([50, 1]);
  });

  it('lets a long line wait for as long as it moves', async () => {
    const queue = new UpdateQueue(PATIENCE);
    let [running, most] = [0, 0];
    const all = Array.from({ length: 100 }, () =>
      queue.run('a', 'k', async () => {
        most = Math.max(most, ++running);
        await within(500);
        running--;
      }),
    );
    await jest.advanceTimersByTimeAsync(100 * 500 + 1);
    await Promise.all(all);
    expect(most).toBe(1);
  });

  it('refuses what would wait for itself, however deep', async () => {
    const queue = new UpdateQueue(PATIENCE);
    const nested = queue.run('a', 'k', () =>
      queue.run('b', 'l', () => queue.run('a', 'k', () => Promise.resolve('never'))),
    );
    await expect(nested).rejects.toMatchObject({ code: 'ERR_UPDATE_NESTED' });
  });

  it('takes updates of other keys in within one', async () => {
    const queue = new UpdateQueue(PATIENCE);
    const inner = queue.run('a', 'k', () => queue.run('b', 'l', () => Promise.resolve('inner')));
    expect(await inner).toBe('inner');
  });

  it('lets one that comes while the last of others runs wait for that one', async () => {
    const queue = new UpdateQueue(PATIENCE);
    const order: string[] = [];
    const work = (name: string) =>
      queue.run('a', 'k', async (waited) => {
        order.push(`${name} ${waited ? 'waited' : 'at once'}`);
        await within(10);
        order.push(`${name} done`);
      });
    const [one, two] = [work('1'), work('2')];
    await jest.advanceTimersByTimeAsync(10);
    await one;
    const three = work('3');
    await jest.advanceTimersByTimeAsync(20);
    await Promise.all([two, three]);
    expect(order).toEqual(['1 at once', '1 done', '2 waited', '2 done', '3 waited', '3 done']);
  });

  it.each(['succeeded', 'failed'])('waits for nothing once the last one has %s', async (how) => {
    const queue = new UpdateQueue(PATIENCE);
    const work = () => (how === 'failed' ? Promise.reject(new Error('no')) : Promise.resolve());
    await queue.run('a', 'k', work).catch(() => undefined);
    expect(await queue.run('a', 'k', (waited) => Promise.resolve(waited))).toBe(false);
  });

  it('takes in what an update began that is over by now', async () => {
    const queue = new UpdateQueue(PATIENCE);
    let later: Promise<string> | undefined;
    await queue.run('a', 'k', () => {
      later = within(10).then(() => queue.run('a', 'k', () => Promise.resolve('later')));
      return Promise.resolve();
    });
    await jest.advanceTimersByTimeAsync(10);
    expect(await later).toBe('later');
  });
});
