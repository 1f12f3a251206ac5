import { setTimeout as wait } from 'node:timers/promises';
import type { Awaitable } from 'nest-sessions/store';
import { SealedCookie } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { revocationOf, type Revocation } from '../../lib/revocations/revocation-list.js';
import {
  SharedRevocations,
  type RevocationPage,
  type RevocationSource,
} from '../../lib/revocations/replicated.js';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, start } from '../support/platforms.js';
import { until } from '../support/until.js';

const token = (id: string, subject = 'alice') => ({ id, subject, version: 0, issuedAt: 0, epoch: '' });
const terms = { why: 'ended', grace: 0, honoured: false } as const;

/** Whether the next request would query the list. */
function isStale(list: SharedRevocations): boolean {
  const querying = list.fresh();
  querying?.catch(() => undefined);
  return querying !== undefined;
}

/** A list whose pages the spec decides. */
class ScriptedSource implements RevocationSource {
  epoch = 'one';
  respond: () => Awaitable<Partial<RevocationPage>> = () => ({});
  /** The cursor of each query. */
  queries: number[] = [];

  async changes(cursor: number): Promise<RevocationPage> {
    this.queries.push(cursor);
    const page = await this.respond();
    return { epoch: this.epoch, time: 0, cursor, revocations: [], unreadable: 0, more: false, ...page };
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

describe('the copy of a shared revocation list', () => {
  const source = () => new ScriptedSource();
  const bound = (from: ScriptedSource, staleness = 60_000) => {
    const list = new SharedRevocations(from, { staleness });
    list.bind({ clock: new FakeClock(0), clockInjected: true, timeout: 200, warn: () => undefined });
    return list;
  };

  it('queries the list before the first verdict, and not again within the staleness', async () => {
    const from = source();
    const list = bound(from);
    await list.fresh();
    expect(list.epoch).toBe('one');
    expect(list.fresh()).toBeUndefined();
    expect(from.queries).toEqual([0]);
    await list.close();
  });

  it('reads all pages, and continues after the last one', async () => {
    const from = source();
    const pages = [
      { cursor: 2, more: true, revocations: [revocationOf('a', 1e15, terms)] },
      { cursor: 3, more: false, revocations: [revocationOf('b', 1e15, terms)] },
    ];
    from.respond = () => pages.shift() ?? {};
    const list = bound(from);
    await list.fresh();
    expect([list.check(token('a')).live, list.check(token('b')).live]).toEqual([false, false]);
    await list.sync();
    expect(from.queries).toEqual([0, 2, 3]);
    await list.close();
  });

  it('reads from the beginning if the list was lost or restored, and keeps its entries', async () => {
    const from = source();
    from.respond = () => ({ cursor: 9, revocations: [revocationOf('a', 1e15, terms)] });
    const list = bound(from);
    await list.fresh();
    from.respond = () => ({ cursor: 4 });
    await list.sync();
    expect(from.queries).toEqual([0, 9, 0]);
    from.epoch = 'two';
    from.respond = () => ({ cursor: 4 });
    await list.sync();
    expect(from.queries).toEqual([0, 9, 0, 4, 0]);
    expect(list.epoch).toBe('two');
    expect(list.check(token('a')).live).toBe(false);
    await list.close();
  });

  it('queries once after a notice, and one at a time at a limited rate under a flood of notices', async () => {
    const from = source();
    const list = bound(from);
    await list.fresh();
    let running = 0;
    from.respond = async () => {
      expect(++running).toBe(1);
      await wait(1);
      running--;
      return {};
    };
    from.notify();
    expect(from.queries).toHaveLength(2);
    const began = performance.now();
    while (performance.now() - began < 1_000) {
      for (let i = 0; i < 100; i++) from.notify();
      await wait(1);
    }
    // 25 at once, and one more every 20 ms.
    expect(from.queries.length).toBeGreaterThan(10);
    expect(from.queries.length).toBeLessThanOrEqual(1 + 25 + (performance.now() - began) / 20 + 1);
    await list.close();
    const queries = from.queries.length;
    from.notify();
    await wait(30);
    expect(from.queries).toHaveLength(queries);
  });

  it('still follows notices after it was closed under a flood of them and bound again', async () => {
    const from = source();
    const list = bound(from);
    await list.fresh();
    for (let i = 0; i < 100; i++) {
      from.notify();
      await list.sync();
    }
    await list.close();
    list.bind({ clock: new FakeClock(0), clockInjected: true, timeout: 200, warn: () => undefined });
    await list.sync();
    const queries = from.queries.length;
    from.notify();
    await until(() => from.queries.length > queries, 'the query after the notice', 2_000);
    await list.close();
  });

  it('does not poll without pause for a staleness of more than three times 24 days', async () => {
    const from = source();
    const list = bound(from, 365 * 24 * 3_600_000);
    await list.fresh();
    await wait(30);
    expect(from.queries).toEqual([0]);
    await list.close();
  });

  it('warns once that the list fails, and again after it responded', async () => {
    const from = source();
    const warnings: string[] = [];
    const list = new SharedRevocations(from, { staleness: 30 });
    const fails = () => Promise.reject(new Error('connection refused'));
    from.respond = fails;
    list.bind({
      clock: new FakeClock(0),
      clockInjected: true,
      timeout: 200,
      warn: (message) => warnings.push(message),
    });
    await until(() => from.queries.length > 3, 'some polls');
    expect(warnings).toEqual([
      expect.stringMatching(/^The revocation list failed.*connection refused.*30 ms/),
    ]);
    from.respond = () => ({});
    const queries = from.queries.length;
    await until(() => from.queries.length > queries + 1, 'a response');
    from.respond = fails;
    await until(() => warnings.length === 2, 'the second warning');
    await list.close();
  });

  it('does not report a query that was in progress at the close', async () => {
    const from = source();
    const warnings: string[] = [];
    const list = new SharedRevocations(from, { staleness: 60_000 });
    const context = {
      clock: new FakeClock(0),
      clockInjected: true,
      timeout: 200,
      warn: (message: string) => warnings.push(message),
    };
    const fail = (reason: string) => () => Promise.reject(new Error(reason));
    let clientCloses = (): void => undefined;
    from.respond = () => new Promise((_, reject) => (clientCloses = () => reject(new Error('closed'))));
    list.bind(context);
    await list.close();
    clientCloses();
    await expect(list.fresh()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    expect(warnings).toEqual([]);
    from.respond = fail('refused');
    list.bind(context);
    await until(() => warnings.length > 0, 'the warning of a list in use');
    expect(warnings).toEqual([expect.stringContaining('refused')]);
    await list.close();
  });

  it('queries again for a notice that arrives during a query', async () => {
    const from = source();
    const list = bound(from);
    await list.fresh();
    let release = (): void => undefined;
    from.respond = () => new Promise((resolve) => (release = () => resolve({})));
    from.notify();
    await until(() => from.queries.length === 2, 'the query');
    from.notify();
    const waiting = list.sync();
    from.respond = () => ({ cursor: 1, revocations: [revocationOf('a', 1e15, terms)] });
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
  ])('rejects an invalid page: %j', async (page) => {
    const from = source();
    from.respond = () => page;
    const list = bound(from);
    await expect(list.fresh()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await list.close();
  });

  it('queries again if the response took longer than the staleness', async () => {
    const from = source();
    const list = bound(from, 20);
    await list.fresh();
    let release = (): void => undefined;
    from.respond = () => new Promise((resolve) => (release = () => resolve({})));
    await until(() => isStale(list), 'the copy is too old');
    const waiting = list.fresh();
    const queries = from.queries.length;
    await wait(25);
    from.respond = () => ({});
    release();
    await waiting;
    expect(from.queries.length).toBeGreaterThan(queries);
    await list.close();
  });

  it('keeps entries for the idle timeout and the staleness', async () => {
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
    // Another node may roll the session until it knows, and the cookie is valid for the idle timeout.
    expect(from.added.map(({ terms }) => terms.kind)).toEqual(['session', 'subject', 'subject', 'session']);
    for (const one of from.added) expect(one.until - clock.now()).toBeGreaterThanOrEqual(50 * 60_000);
  });

  it('stays in use by an application when another one that uses it is closed twice', async () => {
    const from = source();
    const options = { store: new SealedCookie({ revocations: new SharedRevocations(from) }) };
    const { app } = await start('express', { options });
    const { url } = await start('express', { controllers: [AppController], options });
    await app.close();
    await app.close();
    expect((await new Browser(url).post('/login', { user: 'alice' })).status).toBe(200);
    const queries = from.queries.length;
    from.notify();
    expect(from.queries.length).toBe(queries + 1);
    await closeAll();
  });

  it('rejects with a timeout if the list does not respond in time', async () => {
    const from = source();
    from.respond = () => new Promise(() => undefined);
    const list = bound(from);
    await expect(list.fresh()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await list.close();
  });
});
