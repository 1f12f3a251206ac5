import { FakeClock } from 'nest-sessions/testing';
import { RequestState } from '../../../lib/core/request/request-state.js';
import { changed, live, NEXT, NOW, OTHER, STORED, unopened } from './request-states.js';
import { CLEAR, LOGOUT } from './snapshots.js';

describe('the data of a request', () => {
  it('is what its session has stored, read once', () => {
    const state = live();
    const { bag } = state;
    expect({ ...bag.proxy }).toEqual({ a: 1, b: 2 });
    expect(state.bag).toBe(bag);
    expect([state.changed, state.patch()]).toEqual([false, undefined]);
  });

  it('is to be written once it is changed', () => {
    const state = changed();
    expect(state.changed).toBe(true);
    expect(state.patch()).toEqual({ set: { a: '"changed"' }, remove: [] });
  });

  it('calls the hooks that were made for this state', () => {
    const states: unknown[] = [];
    const state = new RequestState(new FakeClock(NOW), {}, (one) => {
      states.push(one);
      return {
        beforeChange: () => one.assertWritable(),
        onCorrupt: (_key, cause) => {
          throw cause;
        },
        onDropped: () => undefined,
        parse: undefined,
      };
    });
    expect(states).toEqual([]);
    expect({ ...state.bag.proxy }).toEqual({});
    expect(states).toEqual([state]);
    state.close();
    expect(() => (state.bag.proxy['a'] = 1)).toThrow(
      expect.objectContaining({ code: 'ERR_HEAD_SENT' }) as Error,
    );
  });
});

describe('the data that the application sees, and what a commit writes of it,', () => {
  const STAYS = [
    { a: 'changed', b: 2 },
    { set: { a: '"changed"' }, remove: [] },
  ] as const;

  it.each<[string, (state: RequestState) => void, Record<string, unknown>, unknown]>([
    ['stay after saving something else', (state) => state.saved(NEXT, undefined, false), ...STAYS],
    [
      'are stored by a commit',
      (state) => state.saved(STORED, state.patch(), false),
      { a: 'changed', b: 2 },
      undefined,
    ],
    [
      'are stored by the first commit',
      (state) => state.created(STORED, state.patch()!),
      { a: 'changed', b: 2 },
      undefined,
    ],
    [
      'take over what update() wrote',
      (state) => state.updated(NEXT, 'b', '3', false),
      { ...STAYS[0], b: 3 },
      STAYS[1],
    ],
    [
      'lose what update() removed',
      (state) => state.updated(NEXT, 'b', undefined, false),
      { a: 'changed' },
      STAYS[1],
    ],
    ['go onto what is reloaded', (state) => state.reloaded(NEXT), { a: 'changed', b: 3, c: 4 }, STAYS[1]],
    ['go onto what is recognised', (state) => state.recognised(NEXT), { a: 'changed', b: 3, c: 4 }, STAYS[1]],
    ['stay with a new key of the device', (state) => state.bound(NEXT, true), ...STAYS],
    ['stay after a re-login', (state) => state.proved(NEXT), ...STAYS],
    ['stay where a commit is postponed', (state) => state.postponed(), ...STAYS],
    ['are new after regenerate()', (state) => state.regenerated(NEXT), { b: 3, c: 4 }, undefined],
    ['are those of another session', (state) => state.replacedBy(OTHER), { d: 5 }, undefined],
    ['are empty while the session ends', (state) => state.ending(CLEAR), {}, undefined],
    ['are empty where the session is gone', (state) => state.gone(), {}, undefined],
    ['are empty where the session is lost', (state) => state.lost(), {}, undefined],
    ['are empty where the session is revoked', (state) => state.revoked(), {}, undefined],
    ['are empty where a session starts over', (state) => state.startedOver(), {}, undefined],
    ['are what is stored where changes are lost', (state) => state.changesLost(), { a: 1, b: 2 }, undefined],
  ])('%s', (_, transition, data, patch) => {
    const state = changed();
    transition(state);
    expect({ ...state.bag.proxy }).toEqual(data);
    expect(state.patch()).toEqual(patch);
  });

  it('are empty where changes are lost together with the session', () => {
    const state = unopened();
    state.bag.proxy['a'] = 1;
    state.changesLost();
    expect({ ...state.bag.proxy }).toEqual({});
  });

  it.each<[string, (state: RequestState) => void, number]>([
    ['gone', (state) => state.gone(), 1],
    ['lost', (state) => state.lost(), 1],
    ['with its changes lost', (state) => state.changesLost(), 1],
    ['reloaded', (state) => state.reloaded(NEXT), 0],
    ['ending', (state) => state.ending(LOGOUT), 0],
  ])(
    'are counted as lost once, and only if there are any, where the session is %s',
    (_, transition, losses) => {
      const state = live();
      transition(state);
      expect(state.losses).toBe(0);
      const other = changed();
      for (let i = 0; i < 2; i++) transition(other);
      expect(other.losses).toBe(losses);
    },
  );

  it.each<[string, (state: RequestState) => void, Record<string, unknown>]>([
    ['created', (state) => state.created(NEXT, { set: {}, remove: [] }), { b: 3, c: 4 }],
    ['saved', (state) => state.saved(NEXT, { set: {}, remove: [] }, false), { b: 3, c: 4 }],
    ['regenerated', (state) => state.regenerated(NEXT), { b: 3, c: 4 }],
    ['replaced', (state) => state.replacedBy(OTHER), { d: 5 }],
    ['ending', (state) => state.ending(LOGOUT), {}],
    ['gone', (state) => state.gone(), {}],
    ['revoked', (state) => state.revoked(), {}],
    ['started over', (state) => state.startedOver(), {}],
    ['with its changes lost', (state) => state.changesLost(), { a: 1, b: 2 }],
  ])('are first read after the session is %s', (_, transition, data) => {
    const state = live();
    transition(state);
    expect({ ...state.bag.proxy }).toEqual(data);
  });
});
