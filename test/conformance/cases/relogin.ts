import { rawGet } from '../../support/raw-request.js';
import type { Case } from '../case.js';

export const relogin: readonly Case[] = [
  {
    id: 'R30',
    source: 'ASVS 7.5.1, 7.5.3',
    title: 'a login older than the window is denied, to the second',
    needs: ['re-login', 'clock'],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      bench.site.advance('299s');
      expect((await client.get('/sensitive')).status).toBe(200);
      bench.site.advance('2s');
      expect((await client.get('/sensitive')).status).toBe(401);
      expect((await client.get('/me')).status).toBe(200);
    },
  },
  {
    id: 'R31',
    source: 'RFC 9470',
    title: 'an API client gets a challenge with the age that is asked for, told apart from logged out',
    needs: ['re-login', 'clock'],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      bench.site.advance('6m');
      const { status, headers } = await client.get('/sensitive');
      const challenge = headers['www-authenticate'] ?? '';
      expect(status).toBe(401);
      expect(challenge).toMatch(/^\w+ .*\berror="insufficient_user_authentication"/);
      expect(challenge).toMatch(/\bmax_age="?300"?/);
      const anonymous = await bench.client().get('/sensitive');
      expect(anonymous.status).toBe(401);
      expect(anonymous.headers['www-authenticate'] ?? '').not.toContain('insufficient_user_authentication');
    },
  },
  {
    id: 'R32',
    source: 'CWE-601; ASVS 3.7.2',
    title: 'a browser is redirected to the re-login page, with a way back on the same origin only',
    needs: ['re-login', 'clock'],
    specs: [
      { file: 'test/nest/guards/safe-next.spec.ts', title: 'never returns a path that leaves the origin' },
    ],
    async run(lab) {
      const bench = await lab.start({ reloginUrl: '/login/again' });
      const client = await bench.loggedIn();
      bench.site.advance('6m');
      const [url = ''] = bench.site.urls;
      for (const target of [
        '/sensitive?a=1',
        '/sensitive?to=//evil.example',
        '/sensitive?%5C%5Cevil.example',
      ]) {
        const { status, location = '' } = await rawGet(url, target, {
          accept: 'text/html',
          cookie: client.cookie,
          referer: 'https://evil.example/',
        });
        expect(status).toBe(303);
        const page = new URL(location, url);
        expect([page.origin, page.pathname]).toEqual([url, '/login/again']);
        const next = page.searchParams.get('next') ?? '';
        expect(next).toMatch(/^\/sensitive/);
        expect(new URL(next, url).origin).toBe(url);
      }
    },
  },
  {
    id: 'R33',
    source: 'NIST 800-63B-4 §5.2',
    title: 'the login time moves only when the user proves itself',
    specs: [{ file: 'test/nest/device/protocol.specs.ts', title: 'is no activity, and moves no login time' }],
    needs: ['re-login', 'clock', 'rotation'],
    async run(lab) {
      const bench = await lab.start({ rotateEvery: '2m', rotateGrace: '10s' });
      const client = await bench.loggedIn();
      bench.site.advance('3m');
      expect((await client.get('/me')).status).toBe(200);
      expect((await client.write({ a: 1 })).status).toBe(200);
      expect((await client.post('/regenerate')).status).toBe(200);
      bench.site.advance('121s');
      expect((await client.get('/me')).status).toBe(200);
      expect((await client.get('/sensitive')).status).toBe(401);
      expect((await client.relogin()).status).toBe(200);
      expect((await client.get('/sensitive')).status).toBe(200);
    },
  },
  {
    id: 'R34',
    source: 'ASVS 7.2.4',
    title: 'a re-login renews the token and the old one is dead',
    needs: ['re-login'],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      const old = client.cookie;
      expect((await client.relogin()).status).toBe(200);
      expect(client.cookie).not.toBe(old);
      await bench.expectOut(old);
      await bench.expectIn(client.cookie);
    },
  },
  {
    id: 'R35',
    source: 'SESS-08',
    title: 'a re-login as somebody else is a new session with none of the old data, and the old one ends',
    needs: ['re-login'],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn('alice');
      await client.write({ letters: 'private' });
      const old = client.cookie;
      expect((await client.relogin({ subject: 'bob' })).status).toBe(200);
      expect(await client.read()).toMatchObject({ subject: 'bob', data: {} });
      expect((await client.read()).data).toEqual({});
      await bench.expectOut(old);
    },
  },
  {
    id: 'R36',
    source: 'ASVS 7.5.1',
    title: 'a failed re-login changes nothing',
    needs: ['re-login', 'clock'],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      await client.write({ a: 1 });
      bench.site.advance('6m');
      const old = client.cookie;
      expect((await client.relogin({ fails: true })).status).toBe(401);
      expect((await client.relogin({ subject: '' })).status).toBeGreaterThanOrEqual(400);
      expect(client.cookie).toBe(old);
      expect(await client.read()).toMatchObject({ subject: 'alice', data: { a: 1 } });
      expect((await client.get('/sensitive')).status).toBe(401);
    },
  },
  {
    id: 'R37',
    source: 'derived; CWE-636',
    title: 'a login time that is missing, no number or in the future is not fresh',
    specs: [
      {
        file: 'test/nest/guards/relogin.spec.ts',
        title: 're-login with a damaged record in the store on %s',
      },
      {
        file: 'test/nest/session/login-elsewhere.spec.ts',
        title: 'is of this moment where the other clock is a little ahead',
      },
    ],
  },
  {
    id: 'R38',
    source: 'RFC 9470; ASVS 7.5.3',
    title: 'a factor is fresh only if it was that factor that was proved',
    needs: ['re-login'],
    async run(lab) {
      const bench = await lab.start();
      const client = bench.client();
      await client.login('alice', { factor: 'pwd' });
      expect((await client.get('/sensitive')).status).toBe(200);
      expect((await client.get('/otp')).status).toBe(401);
      await client.relogin({ factor: 'otp' });
      expect((await client.get('/otp')).status).toBe(200);
    },
  },
  {
    id: 'R39',
    source: 'CWE-501; SESS-08',
    title: 'data that is set before a login satisfies no guard',
    needs: ['re-login'],
    async run(lab) {
      const bench = await lab.start();
      const client = bench.client();
      const now = Date.now() * 2;
      const planted = {
        subject: 'admin',
        user: 'admin',
        isAdmin: true,
        authenticatedAt: now,
        loggedIn: true,
      };
      expect((await client.write(planted)).status).toBe(200);
      for (const path of ['/me', '/sensitive', '/otp', '/devices'])
        expect((await client.get(path)).status).toBe(401);
      expect((await client.read()).subject).toBeNull();
    },
  },
];
