import { jest } from '@jest/globals';
import type { SessionEvent } from '../../../lib/core/events/events.js';
import type { BackendContext } from '../../../lib/core/storage/backend.js';
import { StoreEvents } from '../../../lib/core/storage/store-events.js';
import type { SessionStore } from '../../../lib/core/storage/store.js';

const EVENT: SessionEvent = { type: 'created', id: 'an id', at: 0 };

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

function eventsOver(store: Pick<SessionStore, 'publish' | 'subscribe'>) {
  const warn = jest.fn<(message: string) => void>();
  const context: Pick<BackendContext, 'warn'> = { warn };
  return { events: new StoreEvents(store as SessionStore, context as BackendContext), warn };
}

describe('events of a store that fails', () => {
  it.each<[string, () => void]>([
    [
      'throws',
      () => {
        throw new Error('an id');
      },
    ],
    ['rejects', () => Promise.reject(new Error('an id')) as unknown as void],
  ])('warns once a minute, without the error, if publish %s', async (_how, publish) => {
    const { events, warn } = eventsOver({ publish });
    for (const after of [0, 59_999, 1]) {
      await jest.advanceTimersByTimeAsync(after);
      events.publish(EVENT);
      await jest.advanceTimersByTimeAsync(0);
    }
    expect(warn).toHaveBeenCalledTimes(2);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('failed to publish'));
    expect(warn).not.toHaveBeenCalledWith(expect.stringContaining('an id'));
  });

  it('warns if subscribe throws', () => {
    const { events, warn } = eventsOver({
      subscribe: () => {
        throw new Error('no channel');
      },
    });
    events.subscribe(() => undefined);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(() => events.unsubscribe()).not.toThrow();
  });
});

describe('events of a store', () => {
  it('ends the subscription on request', () => {
    const unsubscribe = jest.fn();
    const { events } = eventsOver({ subscribe: () => unsubscribe });
    events.subscribe(() => undefined);
    expect(unsubscribe).not.toHaveBeenCalled();
    events.unsubscribe();
    expect(unsubscribe).toHaveBeenCalledTimes(1);
  });
});
