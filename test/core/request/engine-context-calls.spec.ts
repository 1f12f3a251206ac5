import type { SessionEvent } from '../../../lib/core/events/events.js';
import type { RequestState } from '../../../lib/core/request/request-state.js';
import { SessionError } from '../../../lib/core/util/errors.js';
import { contextWith, liveWith, recordOf } from './engine-contexts.js';
import { live, NOW, unopened } from './request-states.js';
import { handle, LOGOUT, reuse, token } from './snapshots.js';

const { context } = contextWith();

describe('an error of a call', () => {
  const unauthorised = new SessionError('ERR_NOT_LOGGED_IN', 'no login');
  const conflict = new SessionError('ERR_CONFLICT', 'lost');
  const own = new Error('of the application');
  const http = (error: unknown): unknown => ({ http: error });
  const socket = (error: unknown): unknown => ({ socket: error });

  it('is the error itself where nothing turns it into another', () => {
    const state = live();
    expect(context.thrown(state, unauthorised)).toBe(unauthorised);
    expect(state.asksForLogin).toBe(false);
  });

  it.each([
    ['asks for a login', unauthorised, true],
    ['is a conflict', conflict, false],
    ['is not one of this library', own, false],
    [
      'is not one of this library, with the status 401',
      Object.assign(new Error(), { statusCode: 401 }),
      false,
    ],
  ])('that %s is an exception of HTTP', (_, error, asks) => {
    const state = live();
    expect(contextWith({ asThrown: http }).context.thrown(state, error)).toEqual({ http: error });
    expect(state.asksForLogin).toBe(asks);
  });

  it('is the error itself for a handshake, which has no response', () => {
    const state = live();
    state.response.detach();
    expect(contextWith({ asThrown: http }).context.thrown(state, unauthorised)).toBe(unauthorised);
    expect(state.asksForLogin).toBe(false);
  });

  it('is an exception of the transport that opened the session', () => {
    const state = live();
    state.asThrown = socket;
    expect(contextWith({ asThrown: http }).context.thrown(state, unauthorised)).toEqual({
      socket: unauthorised,
    });
    expect(state.asksForLogin).toBe(false);
  });
});

describe('update()', () => {
  const STATES: Record<string, (state: RequestState) => void> = {
    anonymous: () => undefined,
    live: (state) => state.opened(token({})),
    ending: (state) => (state.rejected(reuse, 'keep'), state.ending(LOGOUT)),
    ended: (state) => state.ending(LOGOUT),
    unavailable: (state) => state.unavailable(new Error('down')),
  };
  const stateThatIs = (kind: string, closed: boolean): RequestState => {
    const state = unopened();
    STATES[kind]!(state);
    expect(state.state.kind).toBe(kind);
    if (closed) state.close();
    return state;
  };

  it.each([
    ['anonymous', false],
    ['live', true],
    ['ending', true],
    ['ended', true],
    ['unavailable', false],
  ])('of a session that is %s is possible after the head of the response: %s', (kind, possible) => {
    expect(context.updatesAfterHead(stateThatIs(kind, true))).toBe(possible);
    expect(context.updatesAfterHead(stateThatIs(kind, false))).toBe(false);
    expect(contextWith({}, true).context.updatesAfterHead(stateThatIs(kind, true))).toBe(false);
  });

  const messageOf = (call: () => void): string => {
    try {
      call();
    } catch (error) {
      return `${(error as SessionError).code}: ${(error as SessionError).message}`;
    }
    return 'none';
  };

  it('is in time before the head of the response, unless the session has ended', () => {
    for (const kind of ['anonymous', 'live', 'unavailable'])
      expect(messageOf(() => context.assertUpdatable(stateThatIs(kind, false)))).toBe('none');
    for (const kind of ['ending', 'ended'])
      expect(messageOf(() => context.assertUpdatable(stateThatIs(kind, false)))).toMatch(
        /^ERR_SESSION_ENDED/,
      );
  });

  it('names a remedy of its own where a session was never stored', () => {
    const { response } = stateThatIs('anonymous', true);
    const [unstored, unchangeable] = [
      messageOf(() => response.assertStorable()),
      messageOf(() => response.assertChangeable()),
    ];
    expect(unstored).not.toBe(unchangeable);
    const sealed = contextWith({}, true).context;
    expect(messageOf(() => context.assertUpdatable(stateThatIs('anonymous', true)))).toBe(unstored);
    expect(messageOf(() => context.assertUpdatable(stateThatIs('live', true)))).toBe(unchangeable);
    expect(messageOf(() => sealed.assertUpdatable(stateThatIs('anonymous', true)))).toBe(unchangeable);
  });
});

describe('an event', () => {
  it('ended is emitted here and to the other nodes, once, by the clock of this node', async () => {
    const { context: engine, events, log } = contextWith();
    const heard: SessionEvent[] = [];
    events.listen((event) => heard.push(event));
    const ended = { type: 'ended', id: 'opened', at: NOW, reason: 'evicted', subject: 'alice' };
    const own = handle('opened');
    const tombstone = { reason: 'evicted', keep: 5 } as never;
    expect(await engine.destroy(own, 'evicted', tombstone)).toEqual(recordOf({ subject: 'alice' }));
    expect(log).toEqual([[own, tombstone], ended]);
    expect(await engine.destroy(own, 'evicted')).toBeUndefined();
    expect(log).toEqual([[own, tombstone], ended, [own, undefined]]);
    expect(heard).toEqual([ended]);
  });

  it('ended names no subject where nobody was logged in', () => {
    const { context: engine, log } = contextWith();
    engine.ended({ id: 'opened' }, 'idle');
    expect(log).toStrictEqual([{ type: 'ended', id: 'opened', at: NOW, reason: 'idle' }]);
  });

  it.each<[string, () => RequestState, object]>([
    ['of a user', () => liveWith({ subject: 'alice' }), { id: 'opened', at: NOW, subject: 'alice' }],
    ['of nobody', () => liveWith({}), { id: 'opened', at: NOW }],
    [
      'by the deciding clock',
      () => {
        const state = unopened();
        state.opened(token({ skew: 70 }));
        return state;
      },
      { id: 'opened', at: NOW + 70 },
    ],
  ])('%s names the session, its subject and the time', (_, make, expected) => {
    const { context: engine, events, log } = contextWith();
    const heard: SessionEvent[] = [];
    engine.emit(make(), { type: 'rolled' });
    events.listen((event) => heard.push(event));
    engine.emit(make(), { type: 'rotated' });
    expect(heard).toStrictEqual([{ type: 'rotated', ...expected }]);
    expect(log).toEqual([]);
  });

  it('of a request without a session names the session that it may become', () => {
    const { context: engine, events } = contextWith();
    const heard: SessionEvent[] = [];
    events.listen((event) => heard.push(event));
    const state = unopened();
    engine.emit(state, { type: 'created' });
    expect(heard).toStrictEqual([{ type: 'created', id: state.id, at: NOW }]);
  });
});
