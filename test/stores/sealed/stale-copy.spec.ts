import { SessionService, type SessionEvent } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import type { Revocation } from '../../../lib/revocations/revocation-list.js';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start } from '../../support/platforms.js';

/** The copy of one node: it has what others wrote only when it is read, and within its lag that need not be. */
class Copy extends MemoryRevocations {
  override readonly epoch = 'shared';
  #read = 0;

  constructor(readonly log: Revocation[]) {
    super();
  }

  override async add(revocation: Revocation): Promise<boolean> {
    this.log.push(revocation);
    return super.add(revocation);
  }

  override sync(): Promise<void> {
    const unread = this.log.slice(this.#read);
    this.#read = this.log.length;
    return Promise.all(unread.map((revocation) => super.add(revocation))).then(() => undefined);
  }
}

describe.each(platforms)('a node whose copy of the list lags behind, on %s', (platform) => {
  const clock = new FakeClock();
  let events: SessionEvent[];
  let copies: Copy[];
  let urls: string[];
  let services: SessionService[];

  beforeEach(async () => {
    const log: Revocation[] = [];
    events = [];
    copies = [new Copy(log), new Copy(log)];
    urls = [];
    services = [];
    for (const revocations of copies) {
      const store = new SealedCookie({ revocations, enforceRotation: true });
      const { app, url } = await start(platform, { controllers: [AppController], options: { clock, store } });
      const sessions = app.get(SessionService);
      sessions.events.subscribe((event) => events.push(event));
      services.push(sessions);
      urls.push(url);
    }
  });
  afterEach(closeAll);

  const at = (node: number, cookie: string) => new Browser(urls[node]!).get('/me', { cookie });

  for (const [first, second] of [
    ['/regenerate', '/regenerate'],
    ['/relogin', '/relogin'],
  ] as const) {
    it(`takes nobody for a thief who comes late, after ${first} at another node and ${second} there`, async () => {
      const browser = new Browser(urls[0]!);
      await browser.post('/login', { user: 'alice' });
      const late = browser.cookie;
      expect((await browser.post(first, {})).setCookies).toHaveLength(1);
      const there = new Browser(urls[1]!);
      const renewed = await there.post(second, {}, { cookie: browser.cookie });
      expect(renewed.setCookies).toHaveLength(1);

      const response = await at(1, late);
      expect([response.status, events.filter(({ type }) => type === 'reused')]).toEqual([401, []]);
      for (const copy of copies) await copy.sync();
      expect((await at(0, renewed.setCookies[0]!.split(';')[0]!)).status).toBe(200);
    });
  }

  it('ends a session by its id that began at another node after a revocation that this one has not read', async () => {
    const here = new Browser(urls[0]!);
    await here.post('/login', { user: 'alice' });
    await services[1]!.revokeAll('alice');
    const there = new Browser(urls[1]!);
    const id = (await there.post('/login', { user: 'alice' })).json()['id'] as string;
    expect((await at(1, there.cookie)).status).toBe(200);
    expect((await here.post(`/revoke/${id}`)).status).toBe(200);
    for (const copy of copies) await copy.sync();
    expect([(await at(0, there.cookie)).status, (await at(1, there.cookie)).status]).toEqual([401, 401]);
  });

  it('knows a thief all the same once the grace is over', async () => {
    const browser = new Browser(urls[0]!);
    await browser.post('/login', { user: 'alice' });
    const copied = browser.cookie;
    await browser.post('/regenerate', {});
    const there = new Browser(urls[1]!);
    const renewed = await there.post('/regenerate', {}, { cookie: browser.cookie });
    const present = renewed.setCookies[0]!.split(';')[0]!;
    expect((await at(1, present)).status).toBe(200);
    clock.advance('11s');
    expect((await at(1, copied)).status).toBe(401);
    expect(events.filter(({ type }) => type === 'reused')).toHaveLength(1);
    expect((await at(1, present)).status).toBe(401);
  });
});
