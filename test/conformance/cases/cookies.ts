import { rawRequest } from '../../support/raw-request.js';
import type { Bench, Case } from '../case.js';
import { cookieFrom, removes, setCookiesOf, valueOf } from '../client.js';
import { attributesOf, OTHER_SECRET } from './values.js';

const YEAR_AND_A_BIT = 400 * 24 * 60 * 60;

export const cookies: readonly Case[] = [
  {
    id: 'R9',
    source: 'ASVS 3.3.1–3.3.4',
    title: 'the cookie is named __Host-, Secure, HttpOnly, has Path=/, no Domain and a SameSite',
    note: 'The application may choose such a name; this is the default of the documentation.',
    async run(lab) {
      const bench = await lab.start();
      const [set = ''] = setCookiesOf(await bench.client().login('alice'), bench.cookieName);
      const attributes = attributesOf(set);
      expect(attributes).toMatchObject({ secure: '', httponly: '', path: '/' });
      expect(['Lax', 'Strict']).toContain(attributes['samesite']);
      expect(attributes).not.toHaveProperty('domain');
      expect(set.startsWith('__Host-')).toBe(true);
    },
  },
  {
    id: 'R10',
    source: 'RFC 6265bis §5.7',
    title: 'cookie options that contradict each other fail at boot',
    note: 'It leaves the options to the application, and the browser drops such a cookie.',
    async run(lab) {
      const wrong = [
        { name: '__HOST-x', domain: 'example.com' },
        { name: '__Host-x', path: '/app' },
        { name: '__sEcure-x', secure: false },
        { name: 'x', sameSite: 'none', secure: false },
        { name: 'x', partitioned: true, secure: false },
      ] as const;
      for (const cookie of wrong) await expect(lab.start({ cookie })).rejects.toThrow();
      await (await lab.start()).loggedIn();
    },
  },
  {
    id: 'R12',
    source: 'ASVS 7.3.2; RFC 6265bis §5.5',
    title: 'the cookie ends with the browser; a persistent one outlives neither the lifetime nor 400 days',
    needs: ['remember'],
    async run(lab) {
      for (const [lifetime, most] of [
        ['1d', 24 * 60 * 60],
        ['400d', YEAR_AND_A_BIT],
      ] as const) {
        const bench = await lab.start({ remember: { lifetime, idle: lifetime } });
        const [plain = ''] = setCookiesOf(await bench.client().login('alice'), bench.cookieName);
        expect(attributesOf(plain)).not.toHaveProperty('max-age');
        expect(attributesOf(plain)).not.toHaveProperty('expires');
        const kept = await bench.client().login('alice', { remember: true });
        const age = Number(attributesOf(setCookiesOf(kept, bench.cookieName)[0]!)['max-age']);
        expect(age).toBeGreaterThan(0);
        expect(age).toBeLessThanOrEqual(most);
      }
      await expect(lab.start({ remember: { lifetime: '500d', idle: '1d' } })).rejects.toThrow();
    },
  },
  {
    id: 'R13',
    source: 'RFC 6265bis §5.7; SESS-06',
    title: 'logout deletes the cookie, with the same attributes',
    async run(lab) {
      const bench = await lab.start();
      const client = bench.client();
      const [set = ''] = setCookiesOf(await client.login('alice'), bench.cookieName);
      const [gone = ''] = setCookiesOf(await client.logout(), bench.cookieName);
      const { 'max-age': age, expires, ...rest } = attributesOf(gone);
      const { 'max-age': _age, expires: _expires, ...before } = attributesOf(set);
      expect(rest).toEqual(before);
      expect([age, Date.parse(expires ?? '')]).toEqual(['0', 0]);
      expect(client.cookie).toBe('');
    },
  },
  {
    id: 'R14',
    source: 'ASVS 3.3.5; RFC 6265bis §5.6',
    title:
      'no cookie with more than 4096 octets of name and value is ever sent, and nothing is lost silently',
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      await client.write({ small: 'a' });
      const big = { big: 'x9'.repeat(3_000) };
      const answer = await client.write(big);
      for (const set of setCookiesOf(answer, bench.cookieName))
        expect(Buffer.byteLength(set.split(';')[0]!) - 1).toBeLessThanOrEqual(4096);
      const { data } = await client.read();
      expect(data).toMatchObject(answer.status === 200 ? big : { small: 'a' });
      if (answer.status !== 200) expect(answer.status).toBeGreaterThanOrEqual(500);
    },
  },
  {
    id: 'R15',
    source: 'RFC 6265 §4.1.1',
    title: 'the value is made of unquoted cookie-octets',
    async run(lab) {
      const bench = await lab.start();
      const client = bench.client();
      await client.write({ text: '"; , \\ é\n' });
      for (const answer of [await client.login('alice"; é'), await client.write({ more: 'ü' })])
        for (const set of setCookiesOf(answer, bench.cookieName))
          expect(valueOf(set, bench.cookieName)).toMatch(/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/);
    },
  },
  {
    id: 'R16',
    source: 'RFC 6265 §4.1.1',
    title: 'a response has at most one Set-Cookie for the session',
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      for (const path of ['/many', '/login', '/data', '/logout']) {
        const answer = await client.post(path, { user: 'alice' });
        expect(answer.status).toBe(200);
        expect(setCookiesOf(answer, bench.cookieName).length).toBeLessThanOrEqual(1);
      }
    },
  },
  {
    id: 'R17',
    source: 'derived; cookie tossing, RFC 6265 §8.6',
    title: 'the outcome does not depend on the order of several cookies of the name',
    async run(lab) {
      const bench = await lab.start();
      const { cookie } = await bench.loggedIn('alice');
      const { cookie: bobs } = await bench.loggedIn('bob');
      const foreign = await (await lab.start({ secret: OTHER_SECRET })).loggedIn('eve');
      const planted = foreign.cookie;
      for (const [one, other] of [
        [cookie, bobs],
        [cookie, planted],
        [cookie, `${bench.cookieName}=x`],
      ]) {
        const there = await bench.client().read({ cookie: `${one}; ${other}` });
        const back = await bench.client().read({ cookie: `${other}; ${one}` });
        expect(back.subject).toBe(there.subject);
      }
    },
  },
  {
    id: 'R18',
    source: 'RFC 6265bis §5.6',
    title: 'the name of the cookie is matched to the byte, and its value is not unquoted',
    note: 'By the parser of cookies that it uses, which is harmless by itself.',
    async run(lab) {
      const bench = await lab.start();
      const { cookie } = await bench.loggedIn();
      const value = cookie.slice(cookie.indexOf('=') + 1);
      const { cookieName: name } = bench;
      expect(await rawStatus(bench, `${name}=${value}`)).toBe(200);
      const other = name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
      for (const wrong of [
        `\xa0${name}=${value}`,
        `${other}=${value}`,
        `${name}="${value}"`,
        `x${name}=${value}`,
      ])
        expect(await rawStatus(bench, wrong)).toBe(401);
    },
  },
  {
    id: 'R19',
    source: 'NIST 800-63B-4 §5.1; ASVS 3.3.1',
    title:
      'the cookie is not sent over plain HTTP, a spoofed X-Forwarded-Proto counts for nothing, and the log says why',
    note: 'It sends the cookie over plain HTTP all the same, or does not log that it dropped it.',
    async run(lab) {
      const elsewhere = { host: 'app.example.com', 'x-forwarded-proto': 'https' };
      const direct = await lab.start({ trustProxy: false });
      const spoofed = await direct.client().login('alice', {}, { headers: elsewhere });
      expect(setCookiesOf(spoofed, direct.cookieName)).toEqual([]);
      const behind = await lab.start({ trustProxy: true });
      const http = { ...elsewhere, 'x-forwarded-proto': 'http' };
      const plain = await behind.client().login('alice', {}, { headers: http });
      expect(setCookiesOf(plain, behind.cookieName)).toEqual([]);
      const tls = await behind.client().login('alice', {}, { headers: elsewhere });
      expect(setCookiesOf(tls, behind.cookieName)).toHaveLength(1);
      expect(direct.site.logs()).toContain('trust proxy');
    },
  },
  {
    id: 'R20',
    source: 'ePrivacy; derived',
    title: 'an untouched anonymous visit sets no cookie and writes nothing',
    async run(lab) {
      const bench = await lab.start();
      bench.site.forget();
      for (const path of ['/untouched', '/look', '/me', '/nowhere', '/fail'])
        for (let visit = 0; visit < 4; visit++)
          expect(setCookiesOf(await bench.client().get(path), bench.cookieName)).toEqual([]);
      expect(bench.site.calls().writes).toBe(0);
      const begun = await bench.client().write({ a: 1 });
      expect(cookieFrom(begun, bench.cookieName)).not.toBe('');
      expect(setCookiesOf(begun, bench.cookieName).some(removes)).toBe(false);
    },
  },
];

async function rawStatus(bench: Bench, cookie: string): Promise<number> {
  const head = await rawRequest(
    bench.site.urls[0]!,
    `GET /me HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`,
  );
  return Number(head.split(' ')[1]);
}
