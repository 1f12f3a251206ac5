import { jest } from '@jest/globals';
import type { RevocationPage } from '../../lib/revocations/revocation-source.js';
import { readList, STALENESS, TIMEOUT } from '../support/read-list.js';

const unavailable = expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE' });

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('the pages of a list', () => {
  it('are read one after the other, up to the last', async () => {
    const { reader, queries, pages, sync, outcomeOf, cursors } = readList();
    const outcome = outcomeOf(sync());
    await queries[0]!.respond({ cursor: 2, more: true });
    await queries[1]!.respond({ cursor: 3, more: true });
    expect([outcome.of, cursors()]).toEqual(['pending', [0, 2, 3]]);
    await queries[2]!.respond({ cursor: 4 });
    expect([outcome.of, cursors()]).toEqual(['done', [0, 2, 3]]);
    expect(pages.map(({ cursor }) => cursor)).toEqual([2, 3, 4]);
    expect(reader.epoch).toBe('one');
  });

  it('are not read without end where the list has more, and does not go on', async () => {
    const { queries, pages, sync, outcomeOf, cursors } = readList();
    const outcome = outcomeOf(sync());
    await queries[0]!.respond({ cursor: 2, more: true });
    await queries[1]!.respond({ cursor: 2, more: true });
    const cause = new Error('the revocation list has more to read, and no higher counter to read from');
    expect([outcome.of, cursors(), pages.length]).toEqual([
      expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE', cause }),
      [0, 2],
      1,
    ]);
  });

  it('are continued by the next read, which need not find anything', async () => {
    const { pages, read, cursors } = readList();
    await read({ cursor: 3 });
    await read();
    await read({ cursor: 4 });
    await read({ cursor: 4 });
    expect(cursors()).toEqual([0, 3, 3, 4]);
    expect(pages).toHaveLength(4);
  });

  it.each<[string, Partial<RevocationPage>]>([
    ['restored to an earlier state', { cursor: 2 }],
    ['created again', { epoch: 'two', cursor: 2 }],
    ['created again and has as many writes', { epoch: 'two', cursor: 3 }],
    ['created again and has more writes', { epoch: 'two', cursor: 9 }],
  ])('are read from the beginning if the list was %s', async (_, page) => {
    const { reader, queries, pages, read, sync, outcomeOf, cursors } = readList();
    await read({ cursor: 3 });
    const outcome = outcomeOf(sync());
    await queries[1]!.respond(page);
    expect([outcome.of, cursors(), pages.length]).toEqual(['pending', [0, 3, 0], 1]);
    await queries[2]!.respond(page);
    expect([outcome.of, cursors(), pages.length]).toEqual(['done', [0, 3, 0], 2]);
    expect(reader.epoch).toBe(page.epoch ?? 'one');
  });

  it('are read once if the list was created again before anything was read', async () => {
    const { reader, read, cursors } = readList();
    expect([reader.epoch, reader.skew]).toEqual(['', 0]);
    await read({ cursor: 0 });
    await read({ cursor: 0, epoch: 'two' });
    expect(cursors()).toEqual([0, 0]);
    expect(reader.epoch).toBe('two');
  });

  it('are read again from where they were if one could not be applied', async () => {
    const { pages, apply, read, cursors } = readList();
    await read({ cursor: 3 });
    const works = apply.page;
    apply.page = () => {
      throw new Error('not applied');
    };
    await expect(read({ cursor: 4 })).rejects.toThrow('not applied');
    apply.page = works;
    await read({ cursor: 4 });
    expect(cursors()).toEqual([0, 3, 3]);
    expect(pages).toHaveLength(2);
  });

  it('are queried with the time of an injected clock, and else with none', async () => {
    for (const clockInjected of [true, false]) {
      const { queries, read } = readList({ clockInjected });
      await read();
      expect(queries.map(({ now }) => now)).toEqual([clockInjected ? 1_234 : undefined]);
    }
  });

  it('may say that the clock of the list is ahead by a fraction, which is rounded', async () => {
    const { reader, read } = readList();
    await read({ time: 1_300.4 });
    expect(reader.skew).toBe(66);
  });
});

describe('a list that does not respond', () => {
  it('is waited for as long as it may take', async () => {
    const { sync, outcomeOf } = readList();
    const outcome = outcomeOf(sync());
    await jest.advanceTimersByTimeAsync(TIMEOUT - 1);
    expect(outcome.of).toBe('pending');
    await jest.advanceTimersByTimeAsync(1);
    expect(outcome.of).toEqual(unavailable);
  });

  it('is queried again by the next read', async () => {
    const { queries, sync, fresh, outcomeOf, read } = readList();
    const outcome = outcomeOf(sync());
    await queries[0]!.fail();
    expect(outcome.of).toEqual(unavailable);
    expect(outcomeOf(fresh()).of).toBe('pending');
    await queries[1]!.respond();
    await read();
    expect(queries).toHaveLength(3);
  });

  it('leaves the copy as old as it is', async () => {
    const { queries, fresh, sync, outcomeOf, read } = readList();
    await read();
    await jest.advanceTimersByTimeAsync(STALENESS);
    const outcome = outcomeOf(sync());
    await queries[1]!.fail();
    expect(outcome.of).toEqual(unavailable);
    expect(fresh()).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    expect(outcomeOf(fresh()).of).toBe('pending');
  });

  it.each([NaN, -1])(
    'is not queried again for a page with an invalid cursor, and not current: %p',
    async (cursor) => {
      const { queries, fresh, read, sync, outcomeOf } = readList();
      await read({ cursor: 3 });
      await jest.advanceTimersByTimeAsync(STALENESS + 1);
      const outcome = outcomeOf(sync());
      await queries[1]!.respond({ cursor });
      expect([outcome.of, queries.length]).toEqual([unavailable, 2]);
      expect(outcomeOf(fresh()).of).toBe('pending');
    },
  );
});

describe('a copy of a list', () => {
  it('is current for the staleness after the query was sent, not after its response', async () => {
    const { queries, fresh, sync, outcomeOf } = readList();
    expect(outcomeOf(fresh()).of).toBe('pending');
    await queries[0]!.respond();
    expect(fresh()).toBeUndefined();
    const reading = sync();
    await jest.advanceTimersByTimeAsync(1_500);
    await queries[1]!.respond();
    await reading;
    await jest.advanceTimersByTimeAsync(STALENESS - 1_500);
    expect(fresh()).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    expect(outcomeOf(fresh()).of).toBe('pending');
    expect(queries).toHaveLength(3);
  });

  it('is made current by one query for all that wait for it', async () => {
    const { queries, fresh, outcomeOf } = readList();
    const outcomes = [outcomeOf(fresh()), outcomeOf(fresh())];
    await queries[0]!.respond();
    expect(outcomes.map((one) => one.of)).toEqual(['done', 'done']);
    expect(queries).toHaveLength(1);
  });

  it('is not current before the last page', async () => {
    const { queries, fresh, sync, outcomeOf } = readList();
    outcomeOf(sync());
    await queries[0]!.respond({ cursor: 2, more: true });
    expect(outcomeOf(fresh()).of).toBe('pending');
  });

  it('is read once more if the first read took longer than the staleness', async () => {
    const { queries, fresh, outcomeOf } = readList();
    const outcome = outcomeOf(fresh());
    for (let cursor = 0; cursor < 3; cursor++) {
      await jest.advanceTimersByTimeAsync(TIMEOUT - 1);
      await queries[cursor]!.respond({ cursor: cursor + 1, more: cursor < 2 });
    }
    expect([outcome.of, queries.length]).toEqual(['pending', 4]);
    await queries[3]!.respond();
    expect([outcome.of, queries.length]).toEqual(['done', 4]);
  });
});

describe('a read of everything that was written before it', () => {
  it('does not share a query that was sent before, and shares the one after it', async () => {
    const { queries, sync, outcomeOf } = readList();
    const outcomes = [sync(), sync(), sync()].map(outcomeOf);
    const now = () => outcomes.map((one) => one.of);
    expect(queries).toHaveLength(1);
    await queries[0]!.respond();
    expect([now(), queries.length]).toEqual([['done', 'pending', 'pending'], 2]);
    await queries[1]!.respond();
    expect([now(), queries.length]).toEqual([['done', 'done', 'done'], 2]);
  });

  it('waits for another one if it comes during that', async () => {
    const { queries, sync, outcomeOf } = readList();
    const [first, second] = [outcomeOf(sync()), outcomeOf(sync())];
    await queries[0]!.respond();
    const third = outcomeOf(sync());
    await queries[1]!.respond();
    expect([first.of, second.of, third.of, queries.length]).toEqual(['done', 'done', 'pending', 3]);
    await queries[2]!.respond();
    expect(third.of).toBe('done');
  });

  it('does not fail with the query that was sent before', async () => {
    const { queries, sync, outcomeOf } = readList();
    const [first, second] = [outcomeOf(sync()), outcomeOf(sync())];
    await queries[0]!.fail();
    expect([first.of, second.of]).toEqual([unavailable, 'pending']);
    await queries[1]!.respond();
    expect(second.of).toBe('done');
  });
});
