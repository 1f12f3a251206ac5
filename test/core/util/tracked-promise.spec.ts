import { setImmediate as turn } from 'node:timers/promises';
import { TrackedPromise } from '../../../lib/core/util/tracked-promise.js';

const escaped: unknown[] = [];
const note = (error: unknown): void => void escaped.push(error);

describe('a tracked promise', () => {
  beforeEach(() => {
    escaped.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(() => void process.off('unhandledRejection', note));

  const error = new Error('the store is down');

  it('that nothing handles reports its rejection once, and not to the process', async () => {
    const unhandled: unknown[] = [];
    void TrackedPromise.of(Promise.reject(error), (reason) => unhandled.push(reason));
    await turn();
    expect([unhandled, escaped]).toEqual([[error], []]);
  });

  it('that is fulfilled reports nothing', async () => {
    const unhandled: unknown[] = [];
    void TrackedPromise.of(Promise.resolve(1), (reason) => unhandled.push(reason));
    await turn();
    expect([unhandled, escaped]).toEqual([[], []]);
  });

  it.each<[string, (promise: Promise<unknown>) => Promise<unknown>]>([
    ['await', async (promise) => promise],
    ['then()', (promise) => promise.then()],
    ['catch()', (promise) => promise.catch(() => undefined)],
    ['finally()', (promise) => promise.finally(() => undefined)],
    ['Promise.all()', (promise) => Promise.all([promise])],
    ['Promise.allSettled()', (promise) => Promise.allSettled([promise])],
    ['Promise.race()', (promise) => Promise.race([promise])],
    ['another promise', (promise) => new Promise((resolve) => resolve(promise))],
  ])('that is handled by %s is the business of its handler', async (_, handle) => {
    const unhandled: unknown[] = [];
    const promise = TrackedPromise.of(
      turn().then(() => Promise.reject(error)),
      (reason) => unhandled.push(reason),
    );
    expect(promise.handled).toBe(false);
    const [result] = await Promise.allSettled([handle(promise)]);
    expect(promise.handled).toBe(true);
    expect(unhandled).toEqual([]);
    if (result.status === 'rejected') expect(result.reason).toBe(error);
    await turn();
    expect(escaped).toEqual([]);
  });

  it('gives plain promises to those who derive one', async () => {
    const promise = TrackedPromise.of(Promise.reject(error), () => undefined);
    const derived = promise.then(() => 1);
    expect(derived).not.toBeInstanceOf(TrackedPromise);
    await expect(derived).rejects.toBe(error);
  });
});
