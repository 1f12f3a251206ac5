import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ChangeQueue } from '../../../lib/core/request/change-queue.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Work that a spec settles. */
function work() {
  let resolve = (_value: string): void => undefined;
  let reject = (_error: Error): void => undefined;
  const settled = new Promise<string>((yes, no) => ([resolve, reject] = [yes, no]));
  return {
    run: () => settled,
    resolve: (value = '') => resolve(value),
    reject: (error: Error) => reject(error),
  };
}

describe('the queue of changes of one request', () => {
  it('runs them one at a time, in the order of the calls', async () => {
    const queue = new ChangeQueue();
    const log: string[] = [];
    const [first, second] = [work(), work()];
    const turns = [first, second, { run: () => Promise.resolve('') }].map(({ run }, index) =>
      queue.run(async () => {
        log.push(`${index} begins`);
        await run();
        log.push(`${index} ends`);
      }),
    );
    // Settled out of order: the queue decides, not who is done first.
    second.resolve();
    await wait();
    expect(log).toEqual(['0 begins']);
    first.resolve();
    await Promise.all(turns);
    expect(log).toEqual(['0 begins', '0 ends', '1 begins', '1 ends', '2 begins', '2 ends']);
  });

  it('gives each caller its own result or error, and goes on after one that fails', async () => {
    const queue = new ChangeQueue();
    const error = new Error('the store is down');
    const results = await Promise.allSettled([
      queue.run(() => Promise.resolve('first')),
      queue.run(() => Promise.reject(error)),
      queue.run(() => {
        throw error;
      }),
      queue.run(() => Promise.resolve('last')),
    ]);
    expect(results).toEqual([
      { status: 'fulfilled', value: 'first' },
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
      { status: 'fulfilled', value: 'last' },
    ]);
  });

  it.each([
    ['succeeds', (one: ReturnType<typeof work>) => one.resolve()],
    ['fails', (one: ReturnType<typeof work>) => one.reject(new Error('no'))],
  ])('is busy until the last one %s', async (_, settle) => {
    const queue = new ChangeQueue();
    expect(queue.busy).toBe(false);
    const [first, last] = [work(), work()];
    const turns = [first, last].map(({ run }) => queue.run(run).catch(() => undefined));
    expect(queue.busy).toBe(true);
    settle(first);
    await turns[0];
    await wait();
    expect(queue.busy).toBe(true);
    settle(last);
    await turns[1];
    await wait();
    expect(queue.busy).toBe(false);
  });

  it('takes what a change queues that is at work', async () => {
    const queue = new ChangeQueue();
    const log: string[] = [];
    let inner: Promise<void> | undefined;
    await queue.run(async () => {
      inner = queue.run(async () => void log.push('inner'));
      await wait();
      log.push('outer');
    });
    await inner;
    await wait();
    expect([log, queue.busy]).toEqual([['outer', 'inner'], false]);
  });

  it.each([
    ['one after the other', true],
    ['all at once', false],
  ])('keeps nothing of thousands of changes that are done, made %s', async (_, inTurn) => {
    const queue = new ChangeQueue();
    const results: WeakRef<object>[] = [];
    const change = async (): Promise<void> => {
      const result = await queue.run(() => Promise.resolve({ big: new Array<number>(1_000) }));
      results.push(new WeakRef(result));
    };
    if (inTurn) for (let count = 0; count < 2_000; count++) await change();
    else await Promise.all(Array.from({ length: 2_000 }, change));
    await wait();
    expect(queue.busy).toBe(false);
    collect();
    await wait();
    collect();
    expect(results.filter((result) => result.deref() !== undefined)).toEqual([]);
    expect(results).toHaveLength(2_000);
  });
});
