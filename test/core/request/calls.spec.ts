import { Calls } from '../../../lib/core/request/calls.js';

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
