import { jest } from '@jest/globals';
import { setTimeout as wait } from 'node:timers/promises';
import { SessionService } from 'nest-sessions';
import { SealedCookie, type RevocationList } from 'nest-sessions/sealed';
import { systemClock } from '../../lib/core/util/clock.js';
import { newId } from '../../lib/core/token/ids.js';
import { MOST_PER_SUBJECT } from '../../lib/revocations/revocation-table.js';
import { revocationOf, subjectRevocationOf, type Revocation } from '../../lib/revocations/revocation-list.js';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';
import { describeHost, hosts, startHost, type RevocationHost } from '../support/revocation-hosts.js';
import { until } from '../support/until.js';

// Servers are started, possibly on a busy machine.
jest.setTimeout(60_000);

const table = hosts.flatMap(([host]) => platforms.map(([platform]) => [host, platform] as const));
const LATER = Date.now() + 24 * 3_600_000;
const terms = { why: 'ended', grace: 0, honoured: false } as const;

const bodyOf = ({ key, terms }: Revocation): string => JSON.stringify([key, terms, 'nonce']);

/** A notice with content, as in earlier versions. */
const noticeOf = (one: Revocation): string => `${one.rank}|${one.until}|${bodyOf(one)}`;

async function node(platform: PlatformName, host: RevocationHost) {
  const revocations = await host.list('600ms');
  const { url, app } = await start(platform, {
    controllers: [AppController],
    realClock: true,
    options: { store: new SealedCookie({ revocations }) },
  });
  return { url, revocations, sessions: app.get(SessionService) };
}

async function loggedIn(url: string, user: string): Promise<{ cookie: string; id: string }> {
  const browser = new Browser(url);
  expect((await browser.post('/login', { user })).status).toBe(200);
  const { id } = (await browser.get('/look')).json<{ id: string }>();
  return { cookie: browser.cookie, id };
}

const status = async (url: string, cookie: string): Promise<number> =>
  (await new Browser(url).get('/me', { cookie })).status;

for (const [name, platform] of table)
  describeHost(name, `forged notices on the list in ${name}, on ${platform}`, () => {
    let host: RevocationHost;
    beforeAll(async () => {
      host = await startHost(name);
    });
    afterEach(closeAll);
    afterAll(() => host.stop());

    it('change no verdict and take no memory', async () => {
      const { url, revocations, sessions } = await node(platform, host);
      const [stolen, other] = [await loggedIn(url, 'mallory'), await loggedIn(url, 'bob')];
      const revoked = await loggedIn(url, 'mallory');
      await sessions.revokeAll('mallory');
      await sessions.revoke(revoked.id);
      expect(await status(url, stolen.cookie)).toBe(401);
      const size = revocations.size;
      const ofMallory = subjectRevocationOf('mallory', LATER, LATER);
      await host.notify(
        noticeOf({
          ...subjectRevocationOf('mallory', LATER, LATER, { except: [stolen.id] }),
          key: ofMallory.key,
        }),
        noticeOf(subjectRevocationOf('mallory', LATER, LATER, { except: [stolen.id] })),
        noticeOf(revocationOf(other.id, LATER, terms)),
        noticeOf(revocationOf(other.id, LATER, { ...terms, why: 'nonsense' as 'ended' })),
        noticeOf(subjectRevocationOf('bob', LATER, LATER)),
        ...Array.from({ length: 2_000 }, () => noticeOf(revocationOf(newId(), LATER, terms))),
        'changed',
        'x'.repeat(7_000),
      );
      const all = () => Promise.all([stolen, revoked, other].map(({ cookie }) => status(url, cookie)));
      for (const pause of [0, 50, 700]) {
        await wait(pause);
        expect(await all()).toEqual([401, 401, 200]);
      }
      expect(revocations.size).toBe(size);
    });
  });

for (const [name] of hosts)
  describeHost(name, `the list in ${name}`, () => {
    let host: RevocationHost;
    beforeAll(async () => {
      host = await startHost(name);
    });
    afterAll(() => host.stop());

    const lists: RevocationList[] = [];
    afterEach(async () => {
      for (const list of lists.splice(0)) await list.close();
    });

    async function bound() {
      const list = await host.list('10m');
      lists.push(list);
      const warnings: string[] = [];
      list.bind({
        clock: systemClock,
        clockInjected: false,
        timeout: 5_000,
        warn: (message) => warnings.push(message),
      });
      await list.fresh();
      return { list, warnings };
    }

    const token = (id: string, subject = 'alice') => ({
      id,
      subject,
      version: 0,
      issuedAt: 1_000,
      epoch: '',
    });

    it('skips invalid entries, warns once a minute, and reads the others', async () => {
      const { list, warnings } = await bound();
      const ofSession = (id: string, change: object, key = `s:${id}`) =>
        JSON.stringify([key, { kind: 'session', id, ...terms, ...change }, '']);
      const ofSubject = (scope: object, change: object = {}) => {
        const one = subjectRevocationOf('alice', 1, 1, scope);
        return JSON.stringify([one.key, { ...one.terms, ...change }, '']);
      };
      const id = newId();
      const bodies = [
        ofSession(id, { why: 'nonsense' }),
        ofSession(id, { why: '__proto__' }),
        ofSession(id, { grace: 'soon' }),
        ofSession(id, { grace: -1 }),
        ofSession(id, { honoured: 'yes' }),
        ofSession(id, { id: 7 }),
        ofSession(id, {}, `s:${newId()}`),
        ofSession('short', {}),
        ofSubject({}, { except: 'all' }),
        ofSubject({}, { except: [7] }),
        ofSubject({}, { except: [id] }),
        ofSubject({ only: [id] }, { only: [] }),
        ofSubject({}, { subject: 'alice' }),
        ofSubject({ except: Array.from({ length: MOST_PER_SUBJECT + 1 }, newId) }),
        JSON.stringify(['x', null, '']),
        JSON.stringify({}),
        '[',
        'null',
        'x'.repeat(70_000),
      ];
      for (const [i, body] of bodies.entries()) await host.write(`key ${i}`, '5000', String(LATER), body);
      await host.write('rank', '99999999999999999', String(LATER), ofSession(id, {}));
      await host.write('time', '5000', '9999999999999999', ofSession(id, {}));
      const good = newId();
      await host.write(`s:${good}`, '5000', String(LATER), ofSession(good, { extra: 1 }));
      await list.sync();
      expect(list.size).toBe(1);
      expect([list.check(token(id)).live, list.check(token(good)).live]).toEqual([true, false]);
      expect(warnings).toEqual([expect.stringMatching(/left out: 21\./)]);
      await host.write('more', '5000', String(LATER), '[');
      await list.sync();
      expect(warnings).toHaveLength(1);
    });

    it('replaces an unreadable entry by a revocation', async () => {
      const [{ list }, other] = [await bound(), await bound()];
      const id = newId();
      await host.write(`s:${id}`, String(Number.MAX_SAFE_INTEGER), String(LATER), '[]');
      expect(await list.add(revocationOf(id, LATER, terms))).toBe(true);
      expect(await list.add(revocationOf(id, LATER, terms))).toBe(false);
      await other.list.sync();
      expect(other.list.check(token(id)).live).toBe(false);
    });

    it('merges more than 1,000 entries of one subject into one that ends all of its sessions, on every node', async () => {
      const [{ list, warnings }, other] = [await bound(), await bound()];
      const subject = `flooded-${name}`;
      const before = await host.count();
      const add = (id: string, rank: number) =>
        list.add(subjectRevocationOf(subject, rank, LATER, { only: [id] }));
      const first = newId();
      expect(await add(first, 5_000)).toBe(true);
      expect(await add(first, 5_001)).toBe(false);
      expect((await host.count()) - before).toBe(1);
      for (let i = 1; i < MOST_PER_SUBJECT; i += 50)
        await Promise.all(
          Array.from({ length: Math.min(50, MOST_PER_SUBJECT - i) }, () => add(newId(), 5_000)),
        );
      expect((await host.count()) - before).toBe(MOST_PER_SUBJECT);
      await other.list.sync();
      const bystander = token(newId(), subject);
      expect([list, other.list].map((one) => one.check(bystander).live)).toEqual([true, true]);
      expect(await add(newId(), 6_000)).toBe(true);
      expect((await host.count()) - before).toBe(1);
      await until(() => !other.list.check(bystander).live, 'the other node has received it');
      expect(list.check(bystander).live).toBe(false);
      for (const one of [list, other.list]) {
        expect(one.check({ ...bystander, issuedAt: 6_001 }).live).toBe(true);
        expect(one.revokedSince(subject)).toBe(6_000);
      }
      expect(warnings.filter((message) => /^More than 1000 revocations/.test(message))).toHaveLength(1);
      // An entry for all sessions replaces the others and keeps the latest expiry.
      await add(newId(), 7_000);
      await list.add(subjectRevocationOf(subject, 8_000, LATER - 1, { except: [newId()] }));
      await list.add(subjectRevocationOf(subject, 9_000, 1_000));
      expect((await host.count()) - before).toBe(1);
      const third = await bound();
      expect(third.list.check({ ...bystander, issuedAt: 9_000 }).live).toBe(false);
    });
  });
