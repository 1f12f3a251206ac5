import type { Answer } from '../../support/browser.js';
import type { Case } from '../case.js';
import { removes, setCookiesOf } from '../client.js';

export const caching: readonly Case[] = [
  {
    id: 'R76',
    source: 'ASVS 14.2.2; CVE-2023-30861; CVE-2026-27205',
    title: 'no response that reads or sets the session can be kept for others, redirects and errors included',
    note: 'Caching is left to the application.',
    specs: [
      {
        file: 'test/nest/request/caching.spec.ts',
        title: 'of CDNs keep nothing, whatever their own header fields say',
      },
    ],
    async run(lab) {
      const bench = await lab.start();
      const client = bench.client();
      expectPrivate('/login', await client.login('alice'));
      expectPrivate('/data', await client.write({ a: 1 }));
      expectPrivate('/redirect', await client.post('/redirect', { b: 1 }));
      for (const path of ['/look', '/me', '/read-and-fail']) expectPrivate(path, await client.get(path));
      expectPrivate('/logout', await client.logout());
      for (const path of ['/look', '/me']) expectPrivate(path, await bench.client().get(path));
    },
  },
  {
    id: 'R77',
    source: 'RFC 9111 §7.3; CVE-2023-30861',
    title: 'a handler that says public cannot win beside a session',
    note: 'Caching is left to the application.',
    async run(lab) {
      const bench = await lab.start();
      const fresh = await bench.client().get('/cached');
      expect(fresh.status).toBe(200);
      expect(setCookiesOf(fresh, bench.cookieName)).toHaveLength(1);
      const known = await (await bench.loggedIn()).get('/cached');
      for (const answer of [fresh, known]) expectPrivate('/cached', answer);
    },
  },
  {
    id: 'R78',
    source: 'ASVS 7.4.1, 14.3.1',
    title: 'every ending changes the cookie, so that browsers drop their copies of pages',
    needs: ['clock'],
    async run(lab) {
      const bench = await lab.start({ idle: '10m' });
      const client = await bench.loggedIn();
      expect(setCookiesOf(await client.logout(), bench.cookieName).some(removes)).toBe(true);
      expect(client.cookie).toBe('');
      const idle = await bench.loggedIn();
      const copy = idle.cookie;
      bench.site.advance('11m');
      const late = await idle.get('/me', { cookie: copy });
      expect(late.status).toBe(401);
      expect(setCookiesOf(late, bench.cookieName).some(removes)).toBe(true);
    },
  },
];

function expectPrivate(path: string, { headers }: Answer): void {
  const control = (headers['cache-control'] ?? '').toLowerCase().split(/,\s*/);
  const vary = (headers.vary ?? '').toLowerCase().split(/,\s*/);
  expect([path, control.some((one) => one === 'private' || one === 'no-store')]).toEqual([path, true]);
  expect([path, control.includes('public')]).toEqual([path, false]);
  expect([path, vary.includes('cookie') || vary.includes('*')]).toEqual([path, true]);
}
