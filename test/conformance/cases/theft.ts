import type { Bench, Case, Lab } from '../case.js';
import { cookieFrom } from '../client.js';

const ROTATION = { rotateEvery: '15m', rotateGrace: '10s' } as const;

export const theft: readonly Case[] = [
  {
    id: 'R53',
    source: 'ASVS 7.2.4; SESS-03',
    title: 'the token changes at login and at a change of privileges, and the old one opens nothing',
    async run(lab) {
      const bench = await lab.start();
      const client = bench.client();
      await client.write({ planted: true });
      const planted = client.cookie;
      await client.login('alice');
      expect(client.cookie).not.toBe(planted);
      await bench.expectOut(planted);
      expect((await bench.client().read({ cookie: planted })).data).toEqual({});
      if (!lab.can('regenerate')) return;
      const before = client.cookie;
      expect((await client.post('/regenerate')).status).toBe(200);
      expect(client.cookie).not.toBe(before);
      await bench.expectOut(before);
    },
  },
  {
    id: 'R54',
    source: 'SESS-08; CWE-501',
    title: 'what was stored before a login is not there after it, unless the login names it',
    async run(lab) {
      const bench = await lab.start();
      const client = bench.client();
      await client.write({ isAdmin: true, cart: ['tea'] });
      await client.login('alice', { keep: ['cart'] });
      const { data } = await client.read();
      expect(data).not.toHaveProperty('isAdmin');
      if (lab.can('re-login')) expect(data).toEqual({ cart: ['tea'] });
    },
  },
  {
    id: 'R55',
    source: 'RFC 9700 §4.14.2',
    title:
      'a user who never receives the new token stays logged in; an old token that is presented once the new one was used and the grace is over ends the session',
    needs: ['pending rotation', 'clock'],
    specs: [{ file: 'test/concurrency/rotations.spec.ts', title: "describeEveryStore('a copied cookie'" }],
    async run(lab) {
      const bench = await lab.start(ROTATION);
      const client = await bench.loggedIn();
      const old = client.cookie;
      bench.site.advance('15m');
      const lost = cookieFrom(await bench.client().get('/me', { cookie: old }), bench.cookieName);
      expect(lost).not.toBe('');
      bench.site.advance('5m');
      expect((await client.get('/me')).status).toBe(200);
      expect(client.cookie).toBe(lost);
      expect((await client.get('/me')).status).toBe(200);
      await bench.expectIn(old);
      bench.site.advance('11s');
      await bench.expectOut(old);
      await bench.expectOut(client.cookie);
      expect(bench.site.events().map(({ type }) => type)).toContain('reused');
    },
  },
  {
    id: 'R56',
    source: 'derived',
    title: 'a straggler within the grace is refused at most, however many renewals came in between',
    needs: ['rotation', 're-login', 'clock'],
    async run(lab) {
      const bench = await lab.start(ROTATION);
      const client = await bench.loggedIn();
      const first = client.cookie;
      bench.site.advance('15m');
      expect((await client.get('/me')).status).toBe(200);
      expect((await client.relogin()).status).toBe(200);
      expect((await client.get('/me')).status).toBe(200);
      await bench.client().get('/me', { cookie: first });
      await bench.expectIn(client.cookie);
      bench.site.advance('11s');
      await bench.expectOut(first);
      if (lab.can('pending rotation')) await bench.expectOut(client.cookie);
    },
  },
  {
    id: 'R57',
    source: 'RFC 9700 §4.14.2',
    title: 'the grace never forks: late requests lead to one successor',
    needs: ['pending rotation', 'clock'],
    async run(lab) {
      const bench = await lab.start(ROTATION);
      const { cookie } = await bench.loggedIn();
      bench.site.advance('15m');
      const requests = Array.from({ length: 8 }, () => bench.client().get('/me', { cookie }));
      const answers = [...(await Promise.all(requests)), await bench.client().get('/me', { cookie })];
      const successors = new Set(answers.map((one) => cookieFrom(one, bench.cookieName)).filter(Boolean));
      expect(successors.size).toBe(1);
    },
  },
  {
    id: 'R58',
    source: 'ASVS 7.5.3; CS Session Management',
    title: 'another client with the same cookie has to log in again, or is logged out, as the option says',
    needs: ['protection'],
    async run(lab) {
      const agent = (name: string) => ({ headers: { 'user-agent': name } });
      const basic = await lab.start({ protection: 'basic' });
      const client = basic.client();
      await client.login('alice', {}, agent('Old/1'));
      expect((await client.get('/sensitive', agent('Old/1'))).status).toBe(200);
      expect((await client.get('/sensitive', agent('New/2'))).status).toBe(401);
      expect((await client.get('/sensitive', agent('Old/1'))).status).toBe(401);
      expect((await client.relogin({}, agent('Old/1'))).status).toBe(200);
      expect((await client.get('/sensitive', agent('Old/1'))).status).toBe(200);
      const strong = await lab.start({ protection: 'strong' });
      const strict = strong.client();
      await strict.login('alice', {}, agent('Old/1'));
      const copy = strict.cookie;
      expect((await strict.get('/me', { cookie: copy, ...agent('New/2') })).status).toBe(401);
      expect((await strict.get('/me', { cookie: copy, ...agent('Old/1') })).status).toBe(401);
    },
  },
  {
    id: 'R59',
    source: 'ASVS 16.3.3; NIST 800-63B-4 §5.3',
    title: 'repeated bad tokens raise an event',
    needs: ['events'],
    async run(lab) {
      const bench = await lab.start();
      const { value } = await bench.loggedIn();
      for (let guess = 0; guess < 12; guess++) {
        const middle = value.length >> 1;
        const digits = String.fromCharCode(65 + guess).repeat(12);
        const bad = value.slice(0, middle) + digits + value.slice(middle + 12);
        await bench.client().get('/look', { cookie: `${bench.cookieName}=${encodeURIComponent(bad)}` });
      }
      expect(bench.site.events().map(({ type }) => type)).toContain('tampered');
      expect(bench.site.events().filter(({ type }) => type === 'guessing')).toHaveLength(1);
    },
  },
  {
    id: 'R85',
    source: 'derived; ASVS 7.4.1',
    title: 'who holds a genuine predecessor can end its session, and no 2xx is sent while the session lives',
    needs: ['rotation', 'clock'],
    async run(lab) {
      for (const path of ['/logout', '/logout-everywhere']) {
        const { bench, old, now } = await rotated(lab);
        const answer = await bench.client().post(path, {}, { cookie: old });
        expect([path, answer.status]).toEqual([path, 200]);
        await bench.expectOut(now);
      }
      const { bench, old, now } = await rotated(lab);
      await bench.expectIn(now);
      bench.site.advance('11s');
      const late = await bench.client().post('/logout-everywhere', {}, { cookie: old });
      if (late.status === 200) await bench.expectOut(now);
      else expect(late.status).toBe(401);
    },
  },
  {
    id: 'R86',
    source: 'derived; ASVS 7.4.1',
    title: 'an ending that was acknowledged holds for what came out of the session meanwhile',
    needs: ['list', 'regenerate'],
    async run(lab) {
      const bench = await lab.start({ nodes: 2 });
      for (let round = 0; round < 10; round++) {
        const client = await bench.loggedIn('alice', 0);
        const other = await bench.loggedIn('alice', 1);
        const { cookie } = client;
        const [renewed, ended] = await Promise.all([
          client.post('/regenerate', {}, { cookie }),
          other.post('/logout-everywhere'),
        ]);
        expect(ended.status).toBe(200);
        await bench.expectOut(cookie);
        const successor = cookieFrom(renewed, bench.cookieName);
        if (successor !== '') await bench.expectOut(successor);
      }
    },
  },
];

/** A session that was rotated: the predecessor, and the successor that its client has. */
async function rotated(lab: Lab): Promise<{ bench: Bench; old: string; now: string }> {
  const bench = await lab.start(ROTATION);
  const client = await bench.loggedIn();
  const old = client.cookie;
  bench.site.advance('15m');
  expect((await client.get('/me')).status).toBe(200);
  expect(client.cookie).not.toBe(old);
  return { bench, old, now: client.cookie };
}
