import { setTimeout as wait } from 'node:timers/promises';
import type { Awaitable } from 'nest-sessions/store';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';
import { until } from '../../support/until.js';
import { RevocationTable } from '../../../lib/revocations/revocation-table.js';
import {
  revocationOf,
  subjectRevocationOf,
  type Revocation,
} from '../../../lib/revocations/revocation-list.js';
import { newId } from '../../../lib/core/token/ids.js';
import {
  SharedRevocations,
  type RevocationPage,
  type RevocationSource,
} from '../../../lib/revocations/replicated.js';

const LIVE = 100_000;
const HALF_HOUR = 30 * 60_000;
const token = (id: string, subject = 'alice') => ({ id, subject, version: 0, issuedAt: 0, epoch: '' });
const terms = { why: 'ended', grace: 0, honoured: false } as const;

/** Nanoseconds for one call, over many. */
function cost(calls: number, act: (i: number) => unknown): number {
  for (let i = 0; i < calls; i++) act(i);
  const from = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) act(i);
  return Number(process.hrtime.bigint() - from) / calls;
}

describe('100,000 live revocations', () => {
  it('take little memory, and a lookup as long as with none', () => {
    const table = new RevocationTable();
    const until = HALF_HOUR;
    const unknown = Array.from({ length: 1_000 }, newId);
    const empty = cost(200_000, (i) => table.check(token(unknown[i % 1_000]!), 0));
    const ids = Array.from({ length: LIVE }, newId);
    const before = process.memoryUsage().heapUsed;
    for (const id of ids) table.apply(revocationOf(id, until, terms));
    const bytes = (process.memoryUsage().heapUsed - before) / LIVE;
    const hit = cost(200_000, (i) => table.check(token(ids[i % LIVE]!), 0));
    const miss = cost(200_000, (i) => table.check(token(unknown[i % 1_000]!), 0));
    for (let i = 0; i < 1_000; i++) table.apply(subjectRevocationOf(`user-${i}`, 1, until));
    const subject = cost(200_000, (i) => table.check(token(unknown[i % 1_000]!), 0));
    process.stdout.write(
      `${LIVE} live revocations: about ${bytes.toFixed(0)} bytes each (${((bytes * LIVE) / 2 ** 20).toFixed(0)} MB); ` +
        `lookup ${empty.toFixed(0)} ns with none, ${miss.toFixed(0)} ns for a live session, ${hit.toFixed(0)} ns for a revoked one, ` +
        `${subject.toFixed(0)} ns with 1,000 revoked subjects\n`,
    );
    expect(table.size).toBe(LIVE + 1_000);
    expect(bytes).toBeLessThan(2_000);
    expect(miss).toBeLessThan(20_000);
    expect(table.check(token(ids[7]!), 0).live).toBe(false);
    expect(table.check(token(unknown[7]!), 0).live).toBe(true);
  });

  it('vanish when the longest token has expired, and not before', async () => {
    const clock = new FakeClock();
    const list = new MemoryRevocations();
    list.bind({ clock, clockInjected: true, timeout: 1, warn: () => undefined });
    const end = clock.now() + HALF_HOUR;
    const ids = Array.from({ length: LIVE }, newId);
    for (const id of ids) await list.add(revocationOf(id, end, terms));
    await list.add(subjectRevocationOf('alice', clock.now(), end + HALF_HOUR));
    clock.advance('29m');
    list.sweep();
    expect(list.size).toBe(LIVE + 1);
    expect(list.check(token(ids[0]!)).live).toBe(false);
    clock.advance('2m');
    list.sweep();
    expect(list.size).toBe(1);
    clock.advance('31m');
    list.sweep();
    expect(list.size).toBe(0);
    list.close();
  });
});

/** Whether the next request would have to ask. */
function isStale(list: SharedRevocations): boolean {
  const asking = list.fresh();
  asking?.catch(() => undefined);
  return asking !== undefined;
}

/** A list that does what it is told to. */
class ScriptedSource implements RevocationSource {
  epoch = 'one';
  answer: () => Awaitable<Partial<RevocationPage>> = () => ({});
  asked: number[] = [];

  async changes(cursor: number): Promise<RevocationPage> {
    this.asked.push(cursor);
    const said = await this.answer();
    return { epoch: this.epoch, time: 0, cursor, revocations: [], unreadable: 0, more: false, ...said };
  }

  added: Revocation[] = [];

  add(revocation: Revocation) {
    this.added.push(revocation);
    return Promise.resolve({ added: true, standing: revocation, crowded: false });
  }

  notify = (): void => undefined;

  listen(onNotice: () => void) {
    this.notify = onNotice;
    return () => undefined;
  }
}

describe('the copy of a shared list', () => {
  const source = () => new ScriptedSource();
  const bound = (from: ScriptedSource, staleness = 60_000) => {
    const list = new SharedRevocations(from, { staleness });
    list.bind({ clock: new FakeClock(0), clockInjected: true, timeout: 200, warn: () => undefined });
    return list;
  };

  it('is asked for before the first answer, and not again within the bound', async () => {
    const from = source();
    const list = bound(from);
    await list.fresh();
    expect(list.epoch).toBe('one');
    expect(list.fresh()).toBeUndefined();
    expect(from.asked).toEqual([0]);
    await list.close();
  });

  it('reads all pages, and goes on where it stopped', async () => {
    const from = source();
    const pages = [
      { cursor: 2, more: true, revocations: [revocationOf('a', 1e15, terms)] },
      { cursor: 3, more: false, revocations: [revocationOf('b', 1e15, terms)] },
    ];
    from.answer = () => pages.shift() ?? {};
    const list = bound(from);
    await list.fresh();
    expect([list.check(token('a')).live, list.check(token('b')).live]).toEqual([false, false]);
    await list.sync();
    expect(from.asked).toEqual([0, 2, 3]);
    await list.close();
  });

  it('is read from the beginning when the list was lost or went back, and forgets nothing', async () => {
    const from = source();
    from.answer = () => ({ cursor: 9, revocations: [revocationOf('a', 1e15, terms)] });
    const list = bound(from);
    await list.fresh();
    from.answer = () => ({ cursor: 4 });
    await list.sync();
    expect(from.asked).toEqual([0, 9, 0]);
    from.epoch = 'two';
    from.answer = () => ({ cursor: 4 });
    await list.sync();
    expect(from.asked).toEqual([0, 9, 0, 4, 0]);
    expect(list.epoch).toBe('two');
    expect(list.check(token('a')).live).toBe(false);
    await list.close();
  });

  it('is asked for once after a notice, and under a flood of them one question at a time and some a second', async () => {
    const from = source();
    const list = bound(from);
    await list.fresh();
    let asking = 0;
    from.answer = async () => {
      expect(++asking).toBe(1);
      await wait(1);
      asking--;
      return {};
    };
    from.notify();
    expect(from.asked).toHaveLength(2);
    const began = performance.now();
    while (performance.now() - began < 1_000) {
      for (let i = 0; i < 100; i++) from.notify();
      await wait(1);
    }
    // 25 at once, and one more every 20 ms.
    expect(from.asked.length).toBeGreaterThan(10);
    expect(from.asked.length).toBeLessThanOrEqual(1 + 25 + (performance.now() - began) / 20 + 1);
    await list.close();
    const asked = from.asked.length;
    from.notify();
    await wait(30);
    expect(from.asked).toHaveLength(asked);
  });

  it('a notice that comes while a question is under way is followed by another', async () => {
    const from = source();
    const list = bound(from);
    await list.fresh();
    let release = (): void => undefined;
    from.answer = () => new Promise((resolve) => (release = () => resolve({})));
    from.notify();
    await until(() => from.asked.length === 2, 'the question');
    from.notify();
    const waiting = list.sync();
    from.answer = () => ({ cursor: 1, revocations: [revocationOf('a', 1e15, terms)] });
    release();
    await waiting;
    expect(list.check(token('a')).live).toBe(false);
    await list.close();
  });

  it.each([
    { cursor: Number.NaN },
    { cursor: 1e300 },
    { time: Number.NaN },
    { epoch: undefined as unknown as string },
  ])('is not current by an answer that no list gives: %j', async (answer) => {
    const from = source();
    from.answer = () => answer;
    const list = bound(from);
    await expect(list.fresh()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await list.close();
  });

  it('is not current by an answer that was asked for too long ago', async () => {
    const from = source();
    const list = bound(from, 20);
    await list.fresh();
    let release = (): void => undefined;
    from.answer = () => new Promise((resolve) => (release = () => resolve({})));
    await until(() => isStale(list), 'the copy is too old');
    const waiting = list.fresh();
    const asked = from.asked.length;
    await wait(25);
    from.answer = () => ({});
    release();
    await waiting;
    expect(from.asked.length).toBeGreaterThan(asked);
    await list.close();
  });

  it('is older than the others by the bound at most, and entries live for as long beyond', async () => {
    const from = source();
    const { url, clock } = await start('express', {
      controllers: [AppController],
      options: {
        idle: '30m',
        store: new SealedCookie({ revocations: new SharedRevocations(from, { staleness: '20m' }) }),
      },
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    clock.advance('1m');
    await browser.post('/relogin', {});
    await browser.post('/logout-everywhere');
    await closeAll();
    // Another node rolls it until it knows, and what it rolled lives for the idle timeout.
    expect(from.added.map(({ terms }) => terms.kind)).toEqual(['session', 'subject', 'subject', 'session']);
    for (const one of from.added) expect(one.until - clock.now()).toBeGreaterThanOrEqual(50 * 60_000);
  });

  it('fails when the list does not answer in time', async () => {
    const from = source();
    from.answer = () => new Promise(() => undefined);
    const list = bound(from);
    await expect(list.fresh()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await list.close();
  });
});
