import { AppController } from '../support/app.js';
import { sites, type BackendSite } from '../support/backends.js';
import { Browser, type Answer, type Ask } from '../support/browser.js';
import { CachingProxy, describeWithNginx } from '../support/nginx.js';
import { closeAll, start } from '../support/platforms.js';
import { SpyStore } from '../support/spy-store.js';
import type { FakeClock } from 'nest-sessions/testing';
import { CachingController, KEPT_BY } from './caching.app.js';
import { PROXIES, type ProxyKind } from './proxies.js';

/** A query of its own for each test: another entry of the cache. */
let runs = 0;
const newRun = () => `run=${++runs}`;
const ranFor = (run: string) => CachingController.runs.get(run.slice('run='.length)) ?? 0;

/** Pages that read the session, with the status for somebody who is logged in. */
const PAGES: [string, number][] = [
  ...Object.keys(KEPT_BY).map((by): [string, number] => [`/shared/page/${by}`, 200]),
  ['/look', 200],
  ['/me', 200],
  ['/devices', 200],
  ['/shared/guarded', 200],
  ['/shared/current', 200],
  ['/shared/redirect', 302],
  ['/shared/moved', 301],
  ['/shared/error/400', 400],
  ['/shared/error/403', 403],
  ['/shared/error/404', 404],
  ['/shared/error/410', 410],
  ['/shared/error/500', 500],
  ['/shared/error/503', 503],
  ['/shared/raw', 200],
  ['/shared/stream', 200],
  ['/shared/validated', 200],
  ['/shared/events', 200],
];

/** Responses that the proxy made of one that it had stored. */
const isStored = (answer: Answer) =>
  ['HIT', 'STALE', 'UPDATING', 'REVALIDATED'].includes(String(answer.headers['x-cache']));

const textOf = ({ body, headers }: Answer) => `${body} ${headers.location ?? ''} ${headers.etag ?? ''}`;

const NAMES = ['alice', 'bob'];

/** It is for the one who is logged in by this name, if anybody, and for nobody else. */
function expectFor(name: string, answer: Answer) {
  const text = textOf(answer);
  expect([name, NAMES.filter((one) => text.includes(one))]).toEqual([
    name,
    NAMES.filter((one) => one === name),
  ]);
}

describeWithNginx('a caching proxy', () => {
  describe.each(sites)('in front of an application on %s', (site) => {
    describe.each(PROXIES)('%s', (kind) => specs(site, kind));
  });
});

function specs(site: BackendSite, kind: ProxyKind): void {
  const spy = new SpyStore();
  let proxy: CachingProxy;
  let clock: FakeClock;

  beforeAll(async () => {
    const running = await start(site, {
      controllers: [AppController, CachingController],
      options: { store: site.backend.over(spy) },
    });
    clock = running.clock;
    proxy = await CachingProxy.start(running.url, kind.directives);
  });
  afterAll(async () => {
    await proxy.stop();
    await closeAll();
  });

  const visitor = () => new Browser(proxy.url);

  async function login(name: string): Promise<Browser> {
    const browser = visitor();
    expect((await browser.post('/login', { user: name })).status).toBe(200);
    return browser;
  }

  const everybody = async (): Promise<[string, Browser][]> => [
    ['nobody', visitor()],
    ['alice', await login('alice')],
    ['bob', await login('bob')],
  ];

  it('stores a page that does not read the session, for everybody', async () => {
    const run = newRun();
    const path = `/shared/anonymous?${run}`;
    const answers: Answer[] = [];
    for (const [, browser] of await everybody()) answers.push(await browser.get(path));
    expect(answers.map(isStored)).toEqual([false, true, true]);
    expect(ranFor(run)).toBe(1);
  });

  it('stores a page that is @Cacheable(), for everybody', async () => {
    const run = newRun();
    const answers: Answer[] = [];
    for (const [, browser] of await everybody()) answers.push(await browser.get(`/shared/declared?${run}`));
    expect(answers.map(isStored)).toEqual([false, true, true]);
    expect(ranFor(run)).toBe(1);
  });

  it.each(PAGES)('serves each visitor the own page: %s', async (path, status) => {
    const run = newRun();
    const all = await everybody();
    // Twice: the second time whatever was stored would be served.
    for (const [name, browser] of [...all, ...[...all].reverse()]) {
      const answer = await browser.get(`${path}?${run}`);
      expectFor(name, answer);
      if (name !== 'nobody') expect(answer.status).toBe(status);
      if (kind.obeys) expect(isStored(answer)).toBe(false);
    }
  });

  it.each(['/shared/page/Cache-Control', '/shared/raw', '/shared/validated'])(
    'serves each visitor the own page to HEAD, conditional and range requests: %s',
    async (path) => {
      const url = `${path}?${newRun()}`;
      const all = await everybody();
      const requests: Ask[] = [
        { method: 'HEAD' },
        { headers: { range: 'bytes=0-1' } },
        { headers: { 'if-none-match': '"alice"' } },
        { headers: { 'if-modified-since': 'Tue, 01 Jan 2030 00:00:00 GMT' } },
        {},
      ];
      for (const ask of requests) {
        for (const [name, browser] of all) {
          const answer = await browser.get(url, ask);
          expect([200, 206, 304]).toContain(answer.status);
          if (answer.status === 304) expect(name).toBe('alice');
          else if (answer.status === 206) expect(url + answer.body).toBe(url + partOf(path, name));
          else if (ask.method !== 'HEAD') expectFor(name, answer);
          if (kind.obeys) expect(isStored(answer)).toBe(false);
        }
      }
    },
  );

  it('hands a session cookie to the one it was made for', async () => {
    const given: string[] = [];
    const note = (answer: Answer) =>
      void given.push(...answer.setCookies.filter((one) => !one.includes('=;')));
    for (const name of ['alice', 'bob', 'alice']) {
      const browser = visitor();
      note(await browser.post('/login', { user: name }));
      note(await browser.post('/relogin', {}));
      note(await browser.post('/regenerate', {}));
      clock.advance('16m');
      // Renews the cookie beside a page that never read the session.
      note(await browser.get(`/shared/anonymous?${newRun()}`));
      expectFor(name, await browser.get('/me'));
    }
    expect(given).toHaveLength(12);
    expect(new Set(given).size).toBe(12);
  });

  it('does not store the renewed cookie of a page that it may store', async () => {
    const alice = await login('alice');
    clock.advance('16m');
    const url = `/shared/anonymous?${newRun()}`;
    expect((await alice.get(url)).setCookies).toHaveLength(1);
    const next = await visitor().get(url);
    expect(next.setCookies).toEqual([]);
    expect(isStored(next)).toBe(false);
    expect(isStored(await visitor().get(url))).toBe(true);
  });

  it('shows a notice to the one it was left for, once', async () => {
    const url = `/shared/flash?${newRun()}`;
    const [alice, bob] = [await login('alice'), await login('bob')];
    await alice.post('/shared/flash', { text: 'saved by alice' });
    expect((await bob.get(url)).json()).toEqual({ flash: null });
    expect((await visitor().get(url)).json()).toEqual({ flash: null });
    expect((await alice.get(url)).json()).toEqual({ flash: 'saved by alice' });
    // Over sealed cookies the changed session is another cookie; over a store the same one, by which nothing may be stored.
    if (kind.obeys) expect((await alice.get(url)).json()).toEqual({ flash: null });
  });

  it('shows the page of before the login to nobody who is logged in', async () => {
    const url = `/shared/page/Cache-Control?${newRun()}`;
    const browser = visitor();
    expectFor('nobody', await browser.get(url));
    await browser.post('/login', { user: 'alice' });
    expectFor('alice', await browser.get(url));
    await browser.post('/login', { user: 'bob' });
    expectFor('bob', await browser.get(url));
    await browser.post('/logout');
    expectFor('nobody', await browser.get(url));
  });

  it('lets every logout and every login through to the application', async () => {
    expect((await visitor().post('/logout')).status).toBe(200);
    const alice = await login('alice');
    const { cookie } = alice;
    expect((await alice.post('/logout')).status).toBe(200);
    expect((await visitor().get('/me', { cookie })).status).toBe(401);
    const refused = await visitor().post(
      '/login',
      { user: 'alice' },
      { headers: { 'sec-fetch-site': 'cross-site' } },
    );
    expect(refused.status).toBe(403);
    await login('alice');
  });

  it('shows each of many concurrent visitors the own name', async () => {
    const run = newRun();
    const pages = ['/me', '/shared/page/Cache-Control', '/shared/raw', '/shared/stream', '/shared/redirect'];
    const wrong: string[] = [];
    const visit = async (name: string) => {
      const browser = await login(name);
      for (const page of [...pages, ...pages]) {
        const text = textOf(await browser.get(`${page}?${run}`));
        if (!text.includes(name)) wrong.push(`${name} saw ${text} at ${page}`);
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, index) => visit(`visitor-${10 + index}-`)));
    expect(wrong).toEqual([]);
  });

  if (!kind.obeys) return;

  it.each(Object.keys(KEPT_BY))(
    'keeps no page of a user over the logout, whatever is on it: %s',
    async (by) => {
      const url = `/shared/page/${by}?${newRun()}`;
      const alice = await login('alice');
      const { cookie } = alice;
      expectFor('alice', await alice.get(url));
      await alice.post('/logout');
      const copied = await visitor().get(url, { cookie });
      expectFor('nobody', copied);
      expect(isStored(copied)).toBe(false);
    },
  );

  if (!site.backend.readsToOpen.includes('load')) return;

  it('keeps no failure of the store over its end', async () => {
    const url = `/shared/page/stale-while-revalidate?${newRun()}`;
    const alice = await login('alice');
    expectFor('alice', await alice.get(url));
    spy.fail('rejects');
    try {
      const failed = await alice.get(url);
      expect([failed.status, isStored(failed)]).toEqual([503, false]);
      expectFor('nobody', failed);
    } finally {
      spy.heal();
    }
    expectFor('alice', await alice.get(url));
  });
}

/** The first two octets of the page. */
const partOf = (path: string, name: string): string => (path.includes('/page/') ? '{"' : name.slice(0, 2));
