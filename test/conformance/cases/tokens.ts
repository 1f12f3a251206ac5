import { rawRequest } from '../../support/raw-request.js';
import type { Case } from '../case.js';
import { cookieFrom } from '../client.js';
import { bodyOf, OTHER_SECRET } from './values.js';

export const tokens: readonly Case[] = [
  {
    id: 'R1',
    source: 'ASVS 7.2.3, 11.5.1',
    title: 'the token of a login is unique, has at least 128 random bits, and is no UUID',
    note: 'A signed state has no id.',
    specs: [
      {
        file: 'test/nest/session/tokens.spec.ts',
        title: 'have a unique id of 128 bits and a unique secret of 256 random bits',
      },
    ],
    async run(lab) {
      const bench = await lab.start();
      const values: string[] = [];
      for (let round = 0; round < 10; round++) {
        const clients = Array.from({ length: 40 }, () => bench.client());
        await Promise.all(clients.map((client) => client.login('alice')));
        values.push(...clients.map((client) => client.value));
      }
      expect(new Set(values).size).toBe(400);
      expect(values.some((value) => /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-/i.test(value))).toBe(false);
      expect(bitsThatVary(values)).toBeGreaterThanOrEqual(128);
    },
  },
  {
    id: 'R2',
    source: 'ASVS 7.2.3; SESS-01',
    title: 'the cookie shows nothing of the user',
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn('bartholomew');
      const parts = client.value.split(/[.:~*|]/);
      for (const encoding of ['utf8', 'base64', 'base64url', 'hex'] as const)
        for (const part of [client.value, ...parts])
          expect(Buffer.from(part, encoding).toString('latin1')).not.toContain('bartholomew');
    },
  },
  {
    id: 'R3',
    source: 'CS Session Management; SESS-03',
    title: 'an unknown token is never adopted',
    async run(lab) {
      const foreign = await (await lab.start({ secret: OTHER_SECRET })).loggedIn();
      const bench = await lab.start();
      const planted = foreign.cookie;
      await bench.expectOut(planted);
      const answer = await bench.client().write({ a: 1 }, { cookie: planted });
      expect(answer.status).toBe(200);
      const given = cookieFrom(answer, bench.cookieName);
      expect(given).not.toBe('');
      expect(given).not.toBe(planted);
      expect((await bench.client().read({ cookie: given })).data).toMatchObject({ a: 1 });
      expect((await bench.client().read({ cookie: planted })).data).toEqual({});
    },
  },
  {
    id: 'R4',
    source: 'ASVS 14.2.1',
    title: 'a token counts in the Cookie header only',
    async run(lab) {
      const bench = await lab.start();
      const { value, cookie } = await bench.loggedIn();
      const raw = cookie.slice(cookie.indexOf('=') + 1);
      const client = bench.client();
      const headers: Record<string, string>[] = [
        { authorization: `Bearer ${value}` },
        { authorization: `Session ${value}` },
        { 'x-session': value },
        { 'x-session-token': value },
        { cookie2: cookie },
      ];
      for (const one of headers) expect((await client.get('/me', { headers: one })).status).toBe(401);
      for (const name of ['session', 'token', 'sid', bench.cookieName])
        expect((await client.get(`/me?${name}=${raw}`)).status).toBe(401);
      await client.write({ [bench.cookieName]: value, session: value, token: value });
      expect((await client.get('/me')).status).toBe(401);
      await bench.expectIn(cookie);
    },
  },
  {
    id: 'R5',
    source: 'ASVS 3.3.4',
    title: 'the token leaves in Set-Cookie only',
    async run(lab) {
      const bench = await lab.start();
      const client = bench.client();
      const answers = [
        await client.login('alice'),
        await client.write({ a: 1 }),
        await client.get('/look'),
        await client.post('/redirect', { b: 2 }),
        await client.get('/fail'),
        await client.get('/nowhere'),
      ];
      const secret = bodyOf(client.value);
      for (const { body, headers } of answers) {
        const { 'set-cookie': _, ...others } = headers;
        const told = body + JSON.stringify(others);
        for (const form of [client.value, secret, encodeURIComponent(client.value)])
          expect(told.includes(form)).toBe(false);
      }
    },
  },
  {
    id: 'R6',
    source: 'derived; CS Session Management',
    title: 'what the store keeps opens nothing',
    needs: ['dump'],
    async run(lab) {
      const bench = await lab.start();
      const { value, cookie } = await bench.loggedIn();
      const dump = await bench.site.dump();
      expect(dump).toContain('alice');
      expect(dump.includes(value)).toBe(false);
      expect(dump.includes(bodyOf(value))).toBe(false);
      const words = [...new Set(dump.match(/[\w+/=-]{16,}/g) ?? [])].slice(0, 40);
      expect(words.length).toBeGreaterThan(0);
      for (const word of words)
        for (const form of [word, `s:${word}`, value.replace(bodyOf(value), word)])
          if (form !== value) await bench.expectOut(`${bench.cookieName}=${encodeURIComponent(form)}`);
      await bench.expectIn(cookie);
    },
  },
  {
    id: 'R7',
    source: 'derived; CWE-20',
    title: 'a malformed token is refused before the store is called, and is no error',
    async run(lab) {
      const bench = await lab.start();
      const { value } = await bench.loggedIn();
      bench.site.forget();
      const changed = `${value.slice(0, -3)}${value.endsWith('AAA') ? 'BBB' : 'AAA'}`;
      const malformed = ['', '\0', 'a\0b', '%', '%zz', '__proto__', 's:__proto__', '"', 'x'.repeat(8_000)];
      for (const one of [
        ...malformed,
        `s:${'x'.repeat(60)}`,
        encodeURIComponent(changed),
        '\xff'.repeat(40),
      ]) {
        const head = await rawRequest(
          bench.site.urls[0]!,
          `GET /look HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\nCookie: ${bench.cookieName}=${one}\r\nConnection: close\r\n\r\n`,
        );
        const status = Number(head.split(' ')[1]);
        expect(status).toBeGreaterThan(0);
        expect(status).toBeLessThan(500);
      }
      expect(bench.site.calls()).toEqual({ reads: 0, writes: 0 });
    },
  },
  {
    id: 'R8',
    source: 'ASVS 9.2.2',
    title: 'a value that was made for another cookie of the same secret is refused',
    specs: [
      {
        file: 'test/nest/device/protocol.specs.ts',
        title: 'is no session cookie, and a session cookie is none',
      },
    ],
    async run(lab) {
      const settings = { share: 'purpose', rotateEvery: false } as const;
      const one = await lab.start(settings);
      const two = await lab.start({ ...settings, cookie: { name: '__Host-other' } });
      const client = await two.loggedIn();
      await one.expectOut(client.cookie.replaceAll(two.cookieName, one.cookieName));
      await two.expectIn(client.cookie);
    },
  },
];

/** How many bits of the values differ from one to another, by the characters seen at each place. */
function bitsThatVary(values: readonly string[]): number {
  const length = Math.min(...values.map((value) => value.length));
  return Array.from({ length }, (_, at) => new Set(values.map((value) => value[at])).size)
    .map((distinct) => Math.log2(distinct))
    .reduce((sum, bits) => sum + bits, 0);
}
