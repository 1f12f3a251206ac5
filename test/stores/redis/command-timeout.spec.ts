import { jest } from '@jest/globals';
import { RedisStore } from 'nest-sessions/redis';
import { closeClients, nodeRedis } from '../../support/redis-clients.js';

/** Nothing listens there. */
const NOWHERE = 'redis://127.0.0.1:1';

const ID = 'A'.repeat(22);

interface Outcome {
  error?: Error;
}

/** A session that is asked for while there is no connection: the driver keeps the command. */
function asked(store: RedisStore): Outcome {
  const outcome: Outcome = {};
  store.load(ID).catch((error: unknown) => (outcome.error = error as Error));
  return outcome;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a command that node-redis cannot send', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));

  afterEach(() => {
    closeClients();
    jest.useRealTimers();
  });

  it('fails with the reason after five seconds, or up to a quarter of a second earlier beside other commands', async () => {
    const client = await nodeRedis(NOWHERE, { awaited: false });
    const store = new RedisStore({ client });
    const first = asked(store);
    jest.advanceTimersByTime(249);
    const together = asked(store);
    jest.advanceTimersByTime(1);
    const later = asked(store);

    jest.advanceTimersByTime(4_749);
    await settled();
    expect([first, together, later]).toEqual([{}, {}, {}]);

    jest.advanceTimersByTime(1);
    await settled();
    expect(first.error?.message).toBe('no connection to Redis within 5 seconds');
    expect(together.error?.message).toBe(first.error?.message);
    expect(later).toEqual({});

    jest.advanceTimersByTime(250);
    await settled();
    expect(later.error?.message).toBe(first.error?.message);
  });

  it('waits for as long as the application has configured', async () => {
    const client = await nodeRedis(NOWHERE, { awaited: false, commandOptions: { timeout: 30 } });
    // The driver counts on its own timers, which are real; ours stand still.
    await expect(new RedisStore({ client }).load(ID)).rejects.not.toThrow('no connection');
  });

  it('gives the next commands their full time', async () => {
    const client = await nodeRedis(NOWHERE, { awaited: false });
    const store = new RedisStore({ client });
    const first = asked(store);
    jest.advanceTimersByTime(5_000);
    await settled();
    expect(first.error).toBeDefined();
    const second = asked(store);
    jest.advanceTimersByTime(4_999);
    await settled();
    expect(second).toEqual({});
    jest.advanceTimersByTime(1);
    await settled();
    expect(second.error).toBeDefined();
  });

  it('makes no warning of too many listeners, however many wait', async () => {
    const warnings: Error[] = [];
    const hear = (warning: Error) => warnings.push(warning);
    process.on('warning', hear);
    try {
      const client = await nodeRedis(NOWHERE, { awaited: false });
      const store = new RedisStore({ client });
      const outcomes = Array.from({ length: 50 }, () => asked(store));
      jest.advanceTimersByTime(5_000);
      await settled();
      expect(outcomes.filter(({ error }) => error)).toHaveLength(50);
      expect(warnings).toEqual([]);
    } finally {
      process.off('warning', hear);
    }
  });
});
