import type { RequestState } from '../../../lib/core/request/request-state.js';
import type { RejectedToken } from '../../../lib/core/storage/backend.js';
import { handleWith, live, NOW, STORED, unopened } from './request-states.js';
import { CLEAR, foreign, handle, LOGOUT, reuse, token } from './snapshots.js';

describe('a request that has presented nothing', () => {
  it('has no session, intends nothing, has met nothing', () => {
    const state = unopened();
    expect(state.state).toEqual({ kind: 'anonymous' });
    expect(state).toMatchObject({ cookie: 'keep', active: false, changed: false, busy: false });
    expect(state).toMatchObject({ accessed: false, authenticates: false, asksForLogin: false });
    expect(state).toMatchObject({ superseded: false, provesDevice: false });
    expect([state.live, state.handle, state.former, state.refusal]).toEqual(new Array(4).fill(undefined));
    expect([state.rejectReason, state.intent, state.failure, state.skew]).toEqual(
      new Array(4).fill(undefined),
    );
    expect(state.patch()).toBeUndefined();
    expect({ ...state.bag.proxy }).toEqual({});
  });

  it('names its session once, by an id of its own', () => {
    const state = unopened();
    const { id } = state;
    expect(id).toMatch(/^[\w-]{22}$/);
    expect(state.id).toBe(id);
    expect(unopened().id).not.toBe(id);
  });
});

describe('the state of a request', () => {
  const { former } = reuse;
  const error = new Error('the store is down');

  it.each<[string, () => RequestState, string, unknown[]]>([
    ['a live one', live, 'opened', ['live', STORED, undefined, undefined]],
    [
      'one that ends',
      of((state) => state.ending(LOGOUT)),
      'opened',
      [undefined, STORED, undefined, undefined],
    ],
    [
      'one that has ended',
      of((state) => state.ended()),
      'opened',
      [undefined, undefined, undefined, undefined],
    ],
    [
      'one that is gone',
      of((state) => state.gone()),
      'opened',
      [undefined, undefined, { handle: STORED, everywhere: false }, undefined],
    ],
    [
      'one that cannot be loaded',
      of((state) => state.unavailable(error), unopened),
      '',
      [undefined, undefined, undefined, error],
    ],
    [
      'a former one',
      of((state) => state.rejected(reuse, 'expire'), unopened),
      '',
      [undefined, undefined, former, undefined],
    ],
  ])('of %s tells its name, and what is left of it', (_, make, id, expected) => {
    const state = make();
    if (id) expect(state.id).toBe(id);
    else expect(state.id).toMatch(/^[\w-]{22}$/);
    expect([state.live?.kind, state.handle, state.former, state.refusal]).toEqual(expected);
  });

  it.each<[string, RejectedToken, unknown[]]>([
    ['reused', reuse, ['reused', false]],
    ['foreign', foreign, ['foreign', false]],
    ['replaced a moment ago', { ...reuse, lately: true }, ['reused', true]],
    ['replaced long ago', { ...reuse, lately: false }, ['reused', false]],
  ])('tells of a token that is %s why it opens nothing, until a login', (_, rejected, expected) => {
    const state = unopened();
    state.rejected(rejected, 'keep');
    expect([state.rejectReason, state.superseded]).toEqual(expected);
    state.replacedBy(handle('next'));
    expect([state.rejectReason, state.superseded]).toEqual([undefined, false]);
  });

  it.each<[number | undefined, boolean]>([
    [undefined, false],
    [NOW - 1, false],
    [NOW, false],
    [NOW + 1, true],
  ])('counts a proof of the device until %s, exclusively', (until, proves) => {
    const state = live();
    state.provedUntil = until;
    expect(state.provesDevice).toBe(proves);
  });

  it.each([
    [{}, {}],
    [{ ip: '', userAgent: '' }, {}],
    [{ ip: '192.0.2.1' }, { ip: '192.0.2.1' }],
    [{ userAgent: 'Firefox' }, { userAgent: 'Firefox' }],
    [
      { ip: '::ffff:192.0.2.1', userAgent: 'Firefox' },
      { ip: '192.0.2.1', userAgent: 'Firefox' },
    ],
    [
      { ip: `${'1'.repeat(64)}2`, userAgent: `${'x'.repeat(256)}y` },
      { ip: '1'.repeat(64), userAgent: 'x'.repeat(256) },
    ],
  ])('takes of the client %j the device %j', (client, device) => {
    expect(unopened(client).device).toEqual(device);
    expect(unopened(client).client).toBe(client);
  });

  it.each<[string, () => RequestState, boolean]>([
    ['a live session', live, true],
    ['no session', unopened, true],
    ['a session that cannot be loaded', of((state) => state.unavailable(error)), true],
    ['a session that ends', of((state) => state.ending(CLEAR)), false],
    ['a session that has ended', of((state) => state.ended()), false],
  ])('lets %s be changed only before its end and the head of the response', (_, make, lasts) => {
    const ended = expect.objectContaining({ code: 'ERR_SESSION_ENDED' }) as Error;
    const state = make();
    if (lasts) {
      expect(() => state.assertNotEnded()).not.toThrow();
      expect(() => state.assertWritable()).not.toThrow();
    } else {
      expect(() => state.assertNotEnded()).toThrow(ended);
      expect(() => state.assertWritable()).toThrow(ended);
    }
    state.close();
    expect(() => state.assertWritable()).toThrow(expect.objectContaining({ code: 'ERR_HEAD_SENT' }) as Error);
  });
});

describe('what a request intends', () => {
  it('is activity as soon as one handler is active, which a later one does not take back', () => {
    const state = live();
    state.countActivity(false);
    expect(state.active).toBe(false);
    state.countActivity(true);
    expect(state.active).toBe(true);
    state.countActivity(false);
    state.countActivity(true);
    expect(state.active).toBe(true);
  });

  it('is a logout, here or everywhere, and nothing once the request failed', () => {
    const state = live();
    state.countActivity(true);
    state.intendLogout({ everywhere: false });
    expect(state.intent).toEqual({ everywhere: false });
    state.intendLogout({ everywhere: true });
    expect(state.intent).toEqual({ everywhere: true });
    state.withdraw();
    expect([state.intent, state.active]).toEqual([undefined, false]);
  });
});

describe('what a request has met', () => {
  it.each<[string, RequestState, boolean]>([
    ['the application reads its session', of((state) => state.access())(), true],
    ['its token is foreign', of((state) => state.rejected(foreign, 'keep'), unopened)(), true],
    ['its session cannot be loaded', of((state) => state.unavailable(new Error('down')), unopened)(), true],
    ['it ends a session', of((state) => state.ending(LOGOUT))(), true],
    ['it ends a session where there is none', of((state) => state.ending(LOGOUT), unopened)(), true],
    ['its token opens a session that nobody reads', live(), false],
  ])('counts as access where %s', (_, state, accessed) => {
    expect(state.accessed).toBe(accessed);
  });

  it('is an error that asks for a login', () => {
    const state = live();
    state.askForLogin();
    expect(state.asksForLogin).toBe(true);
  });

  it('is the error of the last commit, until one succeeds', () => {
    const state = live();
    const error = new Error('the store is down');
    state.committed(error);
    expect(state.failure).toBe(error);
    state.committed();
    expect(state.failure).toBeUndefined();
  });

  it('is busy while a change is in progress, and runs one after the other', async () => {
    const state = live();
    const log: string[] = [];
    const first = state.inTurn(async () => {
      await Promise.resolve();
      log.push('first');
      return 1;
    });
    const second = state.inTurn(async () => void log.push('second'));
    expect(state.busy).toBe(true);
    expect([await first, await second, log]).toEqual([1, undefined, ['first', 'second']]);
  });

  it('is a closed response, after which objects of the data are frozen', () => {
    const state = unopened();
    state.opened(token({ handle: handleWith('opened', { list: '[1]' }) }));
    const list = state.bag.proxy['list'] as number[];
    state.close();
    expect(state.response.closed).toBe(true);
    expect(() => list.push(2)).toThrow(TypeError);
  });

  it('is a closed response, also where no data was read', () => {
    const state = live();
    state.close();
    expect(state.response.closed).toBe(true);
  });
});

/** A state after one change of it. */
function of(change: (state: RequestState) => void, make = live): () => RequestState {
  return () => {
    const state = make();
    change(state);
    return state;
  };
}
