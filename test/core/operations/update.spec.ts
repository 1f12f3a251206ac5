import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { SessionOperations } from '../../../lib/core/operations/operations.js';
import { Updating } from '../../../lib/core/operations/update.js';
import { switching } from './switching.js';

const ended = expect.objectContaining({ code: 'ERR_SESSION_ENDED' }) as Error;
const plus = (value: unknown) => ((value as number | undefined) ?? 0) + 1;

/** Two requests of one session, in which the pauses between attempts are counted. */
async function stored() {
  const pauses: number[] = [];
  const node = switching([], { pause: (milliseconds) => (pauses.push(milliseconds), Promise.resolve()) });
  const { engine, visit, cookieOf, context, backend } = node;
  const first = await visit({});
  await engine.login(first, 'alice');
  await engine.commit(first, true);
  const cookie = cookieOf(first);
  const [state, other] = [await visit({}, { cookie }), await visit({}, { cookie })];
  const updating = new Updating(context, new SessionOperations(context));
  const save = backend.save.bind(backend);
  const saved: unknown[] = [];
  let conflicts = 0;
  backend.save = (handle, change, ...rest) => {
    saved.push(change);
    return conflicts-- > 0 ? Promise.resolve({ outcome: 'conflict' }) : save(handle, change, ...rest);
  };
  return {
    ...node,
    pauses,
    state,
    other,
    updating,
    saved,
    conflict: (times: number) => (conflicts = times),
    value: async (key: string) => (await visit({}, { cookie })).bag.proxy[key],
  };
}

describe('an update of a session that is not stored yet', () => {
  const unstored = async () => {
    const node = switching([]);
    const updating = new Updating(node.context, new SessionOperations(node.context));
    return { ...node, updating, state: await node.visit({}) };
  };

  it('assigns what the function returns, and is stored by the commit alone', async () => {
    const { updating, state, store } = await unstored();
    expect(await updating.update(state, 'count', plus)).toBe(1);
    expect(await updating.update(state, 'count', plus)).toBe(2);
    expect(state.bag.proxy['count']).toBe(2);
    expect(store.load(state.id)).toBeUndefined();
  });

  it('removes the key where it returns nothing', async () => {
    const { updating, state } = await unstored();
    state.bag.proxy['count'] = 1;
    expect(await updating.update(state, 'count', () => undefined)).toBeUndefined();
    expect('count' in state.bag.proxy).toBe(false);
  });

  it('may come after the response where nothing was there and nothing is to be stored', async () => {
    const { updating, state } = await unstored();
    const late = (value: unknown) => () => (state.response.close(), value);
    expect(await updating.update(state, 'count', late(undefined))).toBeUndefined();
    await expect(updating.update(state, 'count', late(1))).rejects.toMatchObject({ code: 'ERR_HEAD_SENT' });
  });

  it('changes nothing where the value cannot be stored', async () => {
    const { updating, state } = await unstored();
    state.bag.proxy['count'] = 1;
    await expect(updating.update(state, 'count', () => new Map())).rejects.toMatchObject({
      code: 'ERR_DATA_NOT_SERIALIZABLE',
    });
    expect(state.bag.proxy['count']).toBe(1);
  });
});

describe('an update of a stored session', () => {
  it('writes one key at once, and that nothing else was written since', async () => {
    const { updating, state, saved, value } = await stored();
    expect(await updating.update(state, 'count', plus)).toBe(1);
    expect(saved).toEqual([{ data: { set: { count: '1' }, remove: [] }, exclusive: true }]);
    expect([state.bag.proxy['count'], await value('count')]).toEqual([1, 1]);
  });

  it('removes the key where the function returns nothing', async () => {
    const { updating, state, saved, value } = await stored();
    await updating.update(state, 'count', plus);
    expect(await updating.update(state, 'count', () => undefined)).toBeUndefined();
    expect(saved.at(-1)).toEqual({ data: { set: {}, remove: ['count'] }, exclusive: true });
    expect([state.bag.proxy['count'], await value('count')]).toEqual([undefined, undefined]);
  });

  it('calls the function once for each of several at a time, with the value of the one before', async () => {
    const { updating, state, other, value } = await stored();
    const given: unknown[] = [];
    const count = (old: unknown) => (given.push(old), plus(old));
    const all = [state, other, state].map((one) => updating.update(one, 'count', count));
    expect(await Promise.all(all)).toEqual([1, 2, 3]);
    expect(given).toEqual([undefined, 1, 2]);
    expect(await value('count')).toBe(3);
  });

  it('loads nothing where there is nobody to wait for', async () => {
    const { updating, state, backend } = await stored();
    backend.reload = () => Promise.reject(new Error('loaded'));
    expect(await updating.update(state, 'count', plus)).toBe(1);
  });

  it('waits for no update of another key or session', async () => {
    const { updating, state, other, value } = await stored();
    let calls = 0;
    await updating.update(state, 'one', async () => {
      if (++calls === 1) await updating.update(other, 'two', plus);
      return calls;
    });
    expect([await value('one'), await value('two')]).toEqual([2, 1]);
  });

  it('calls the function again after a conflict, with what the other request has written', async () => {
    const { updating, state, other, context, value } = await stored();
    const published: unknown[] = [];
    const listener = (message: unknown) => void published.push(message);
    subscribe('nest-sessions:conflict', listener);
    const elsewhere = new Updating(context, new SessionOperations(context));
    const given: unknown[] = [];
    await updating.update(state, 'count', async (old) => {
      given.push(old);
      if (given.length === 1) await elsewhere.update(other, 'count', () => 10);
      return plus(old);
    });
    unsubscribe('nest-sessions:conflict', listener);
    expect([given, await value('count')]).toEqual([[undefined, 10], 11]);
    expect(published).toEqual([{ id: state.id }]);
  });

  it('pauses from the third conflict on, at random, for at most as many milliseconds as there were attempts, and 20', async () => {
    const { updating, state, conflict, pauses } = await stored();
    conflict(2);
    await updating.update(state, 'count', plus);
    expect(pauses).toEqual([]);
    conflict(40);
    await updating.update(state, 'count', plus);
    expect(pauses).toHaveLength(38);
    pauses.forEach((pause, n) => {
      expect(pause).toBeGreaterThanOrEqual(0);
      expect(pause).toBeLessThan(Math.min(n + 2, 20));
    });
    // All of them are this short by chance once in some 10^12 runs.
    expect(Math.max(...pauses)).toBeGreaterThan(5);
  });

  it('pauses by a timer where none is given', async () => {
    const { visit, engine, context, backend } = switching([]);
    const state = await visit({});
    await engine.login(state, 'alice');
    const save = backend.save.bind(backend);
    let conflicts = 3;
    backend.save = (...args) => (conflicts-- > 0 ? Promise.resolve({ outcome: 'conflict' }) : save(...args));
    expect(await new Updating(context, new SessionOperations(context)).update(state, 'count', plus)).toBe(1);
  });

  it('gives up after 500 conflicts', async () => {
    const { updating, state, conflict, saved, value } = await stored();
    conflict(500);
    await expect(updating.update(state, 'count', plus)).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      message:
        "session.update('count'): each of 500 attempts conflicted with another request. Try again later.",
    });
    expect(saved).toHaveLength(500);
    expect(await value('count')).toBeUndefined();
    conflict(499);
    expect(await updating.update(state, 'count', plus)).toBe(1);
  });

  it('is refused where the session has ended, without a call of the function', async () => {
    const { updating, state } = await stored();
    state.gone();
    const called: unknown[] = [];
    await expect(updating.update(state, 'count', () => called.push(1))).rejects.toThrow(ended);
    expect(called).toEqual([]);
  });

  it('is refused where the function has ended the session', async () => {
    const { updating, state, saved } = await stored();
    await expect(updating.update(state, 'count', () => state.gone())).rejects.toThrow(ended);
    expect(saved).toEqual([]);
  });

  it('is refused where another request has ended the session, which is over for this one as well', async () => {
    const { updating, state, engine } = await stored();
    await engine.revoke(state.id);
    await expect(updating.update(state, 'count', plus)).rejects.toThrow(ended);
    expect([state.state.kind, state.live]).toEqual(['ended', undefined]);
  });
});

describe('an update after the response', () => {
  it('is written where the session is in a store', async () => {
    const { updating, state, value } = await stored();
    state.response.detach();
    await updating.update(state, 'count', (old) => (state.response.close(), plus(old)));
    expect(await value('count')).toBe(1);
  });

  it.each<[string, 'close' | 'detach', string, number]>([
    ['no response can set one', 'detach', 'ERR_NO_RESPONSE', 0],
    ['the head of the response was sent meanwhile', 'close', 'ERR_HEAD_SENT', 1],
  ])('is refused where the session is in the cookie, and %s', async (_, limit, code, calls) => {
    const { updating, state, backend, saved } = await stored();
    Object.defineProperty(backend, 'cookieIsRecord', { value: true });
    if (limit === 'detach') state.response.detach();
    let called = 0;
    const update = updating.update(state, 'count', () => {
      called++;
      state.response.close();
      return 1;
    });
    await expect(update).rejects.toMatchObject({ code });
    expect([called, saved]).toEqual([calls, []]);
  });
});
