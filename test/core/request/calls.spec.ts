import { setImmediate as turn } from 'node:timers/promises';
import { Calls, type FailedCall } from '../../../lib/core/request/calls.js';

const ignore = (): void => undefined;

describe('changes that are left to the end of the handler', () => {
  it('begin when the response waits for the calls, once, and are waited for', async () => {
    const calls = new Calls();
    const log: string[] = [];
    let finish = ignore;
    const work = new Promise<void>((done) => (finish = done));
    calls.defer(() => {
      log.push('begins');
      void calls.track('change()', work, true, ignore);
    });
    expect(log).toEqual([]);
    expect(calls.unsettled).toBe(true);
    const settled = calls.settled().then(() => log.push('settled'));
    expect(log).toEqual(['begins']);
    finish();
    await settled;
    expect(log).toEqual(['begins', 'settled']);
    expect(calls.unsettled).toBe(false);
    await calls.settled();
    expect(log).toEqual(['begins', 'settled']);
  });

  it('begin also if another call leaves them meanwhile', async () => {
    const calls = new Calls();
    const log: string[] = [];
    void calls.track(
      'login()',
      Promise.resolve().then(() => calls.defer(() => log.push('begins'))),
      true,
      ignore,
    );
    await calls.settled();
    expect(log).toEqual(['begins']);
  });

  it('fail the response if they fail', async () => {
    const calls = new Calls();
    const error = new Error('the store is down');
    calls.defer(() => void calls.track('change()', Promise.reject(error), true, ignore));
    await calls.settled();
    expect(calls.unhandled()).toEqual({ name: 'change()', error });
  });
});

describe('the calls of a request', () => {
  const error = new Error('the store is down');
  const never = (): Promise<never> => new Promise<never>(ignore);

  it('are settled where there is none, at once', async () => {
    const calls = new Calls();
    expect([calls.unsettled, calls.deferring, calls.unhandled()]).toEqual([false, false, undefined]);
    const log: string[] = [];
    const later = turn().then(() => log.push('next turn'));
    await calls.settled().then(() => log.push('settled'));
    await later;
    expect(log).toEqual(['settled', 'next turn']);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['succeeds', () => Promise.resolve('result')],
    ['fails, which the application handles', () => Promise.reject(error)],
  ])('are unsettled until each %s', async (_, work) => {
    const calls = new Calls();
    const given = calls.track('login()', work(), true, ignore).catch(ignore);
    expect(calls.unsettled).toBe(true);
    await given;
    await calls.settled();
    expect([calls.unsettled, calls.unhandled()]).toEqual([false, undefined]);
  });

  it('have the result of their work', async () => {
    const result = await new Calls().track('login()', Promise.resolve('result'), true, ignore);
    expect(result).toBe('result');
  });

  it.each([true, false])('are unsettled where one fails that nothing handles, held: %s', async (held) => {
    const calls = new Calls();
    void calls.track('login()', Promise.reject(error), held, ignore);
    await turn();
    expect(calls.unsettled).toBe(true);
    await calls.settled();
    expect(calls.unhandled()).toEqual({ name: 'login()', error });
  });

  it('hold the response until each is settled, those as well that begin meanwhile', async () => {
    const calls = new Calls();
    const log: string[] = [];
    const work = async (): Promise<void> => {
      await turn();
      log.push('first');
      void calls.track(
        'logout()',
        turn().then(() => log.push('second')),
        true,
        ignore,
      );
    };
    void calls.track('login()', work(), true, ignore);
    await calls.settled();
    expect(log).toEqual(['first', 'second']);
  });

  it('do not hold the response for one that it need not wait for', async () => {
    const calls = new Calls();
    void calls.track('update()', never(), false, ignore);
    await calls.settled();
    expect([calls.unsettled, calls.unhandled()]).toEqual([true, undefined]);
  });

  it('fail the response also by one that it need not wait for, if its write has failed', async () => {
    const calls = new Calls();
    // As deep in promises as a call of a store is.
    const write = async (depth: number): Promise<void> => {
      if (depth === 0) throw error;
      await write(depth - 1);
    };
    void calls.track('update()', write(20), false, ignore);
    await calls.settled();
    expect(calls.unhandled()).toEqual({ name: 'update()', error });
  });
});

describe('a call that fails and that nothing handles', () => {
  const [first, second] = [new Error('first'), new Error('second')];

  /** Calls whose failures are reported to a list. */
  function setUp() {
    const calls = new Calls();
    const reported: FailedCall[] = [];
    const fail = (name: string, error: Error): Promise<never> =>
      calls.track(name, Promise.reject(error), true, (call) => reported.push(call));
    return { calls, reported, fail };
  }

  it('is reported once, when the response is made, which the first one fails', async () => {
    const { calls, reported, fail } = setUp();
    void fail('login()', first);
    void fail('logout()', second);
    await calls.settled();
    expect(reported).toEqual([]);
    const failed = [
      { name: 'login()', error: first },
      { name: 'logout()', error: second },
    ];
    expect(calls.unhandled()).toEqual(failed[0]);
    expect(reported).toEqual(failed);
    expect(calls.unhandled()).toEqual(failed[0]);
    expect(reported).toEqual(failed);
  });

  it('is not reported if the application handles it after all', async () => {
    const { calls, reported, fail } = setUp();
    const late = fail('login()', first);
    void fail('logout()', second);
    await calls.settled();
    await expect(late).rejects.toBe(first);
    expect(calls.unhandled()).toEqual({ name: 'logout()', error: second });
    expect(reported).toEqual([{ name: 'logout()', error: second }]);
  });

  it('is reported at once after the head of the response, and only then', async () => {
    const { calls, reported, fail } = setUp();
    const watched: string[] = [];
    calls.watcher = { callFailed: () => watched.push('failed') };
    calls.conclude();
    void fail('login()', first);
    await turn();
    expect(reported).toEqual([{ name: 'login()', error: first }]);
    expect(calls.unhandled()).toEqual({ name: 'login()', error: first });
    expect(reported).toHaveLength(1);
    expect(watched).toEqual([]);
  });

  it('is told to the watcher of a request that has no response yet, the first one alone', async () => {
    const { calls, reported, fail } = setUp();
    const watched: string[] = [];
    calls.watcher = { callFailed: () => watched.push('failed') };
    await fail('handled()', first).catch(ignore);
    await turn();
    expect(watched).toEqual([]);
    void fail('login()', first);
    await turn();
    expect(watched).toEqual(['failed']);
    void fail('logout()', second);
    await turn();
    expect([watched, reported]).toEqual([['failed'], []]);
  });
});
