import type { Case } from '../case.js';

const NOTE = 'CSRF protection is left to another package.';

export const crossSite: readonly Case[] = [
  {
    id: 'R72',
    source: 'ASVS 3.5.1; CS Cross-Site Request Forgery',
    title:
      'unsafe requests that the browser marks as cross-site or same-site are refused, those of the origin pass',
    note: NOTE,
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      for (const [site, status] of [
        ['same-origin', 200],
        ['none', 200],
        ['same-site', 403],
        ['cross-site', 403],
      ] as const) {
        const answer = await client.write({ [site]: 1 }, { headers: { 'sec-fetch-site': site } });
        expect([site, answer.status]).toEqual([site, status]);
        expect((await client.get('/look', { headers: { 'sec-fetch-site': site } })).status).toBe(200);
      }
      expect(Object.keys((await client.read()).data).sort()).toEqual(['none', 'same-origin']);
    },
  },
  {
    id: 'R73',
    source: 'ASVS 3.5.1; CS Cross-Site Request Forgery',
    title: 'without that mark the Origin has to be the host; what has neither is no browser and passes',
    note: NOTE,
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      const { host, hostname, port } = new URL(client.url);
      const statusFrom = async (origin: string) =>
        (await client.write({ a: 1 }, { headers: { origin } })).status;
      expect((await client.write({ a: 1 })).status).toBe(200);
      const scheme = (await statusFrom(`http://${host}`)) === 200 ? 'http' : 'https';
      expect(await statusFrom(`${scheme}://${host}`)).toBe(200);
      const others = [
        'https://evil.example',
        'null',
        `http://${hostname}:${Number(port) - 1}`,
        `http://x.${host}`,
      ];
      for (const origin of others) expect([origin, await statusFrom(origin)]).toEqual([origin, 403]);
    },
  },
  {
    id: 'R74',
    source: 'ASVS 3.5.1; CWE-352 (login CSRF)',
    title: 'login and logout are covered, too',
    note: NOTE,
    async run(lab) {
      const bench = await lab.start();
      const foreign = { headers: { 'sec-fetch-site': 'cross-site' } };
      const client = bench.client();
      expect((await client.login('eve', {}, foreign)).status).toBe(403);
      expect(client.cookie).toBe('');
      await client.login('alice');
      const copy = client.cookie;
      expect((await client.logout(foreign)).status).toBe(403);
      await bench.expectIn(copy);
    },
  },
  {
    id: 'R75',
    source: 'RFC 9110 §12.5.5',
    title: 'the refusal varies by what it depends on',
    note: NOTE,
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      const answer = await client.write({}, { headers: { 'sec-fetch-site': 'cross-site' } });
      expect(answer.status).toBe(403);
      const vary = (answer.headers.vary ?? '').toLowerCase().split(/,\s*/);
      expect(vary).toEqual(expect.arrayContaining(['sec-fetch-site', 'origin']));
    },
  },
];
