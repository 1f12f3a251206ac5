import type { Bench, Case, Lab } from '../case.js';
import type { Client } from '../client.js';
import { flipped } from './values.js';

const [A, B] = ['first-secret-of-the-ring-0123456789abcdef', 'second-secret-of-the-ring-fedcba9876543210'];

/** The fewest bytes of a secret that HMAC-SHA256 is at its strongest with (RFC 2104 §3). */
const LEAST = 32;
/** Nothing but too short. */
const SHORT = [A.slice(0, 8), A.slice(0, LEAST - 1)];
/** Long enough, but known to everybody. */
const DEFAULTS = ['changeme'.repeat(4), 'keyboard cat '.repeat(3), 'x'.repeat(LEAST)];

export const sealed: readonly Case[] = [
  {
    id: 'R60',
    source: 'ASVS 11.3.3',
    title: 'a sealed cookie shows nothing of its content',
    needs: ['sealed'],
    specs: [
      {
        file: 'test/stores/sealed/formats.spec.ts',
        title: 'opens what it sealed, and the value contains no plain text',
      },
    ],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn('bartholomew');
      await client.write({ diary: 'nobody may read this' });
      for (const encoding of ['utf8', 'base64', 'base64url', 'hex'] as const)
        for (const part of [client.value, ...client.value.split(/[.:~*|;]/)])
          expect(Buffer.from(part, encoding).toString('latin1')).not.toMatch(/barthol|diary|nobody/);
    },
  },
  {
    id: 'R61',
    source: 'ASVS 11.3.3; CWE-347',
    title: 'any character flipped, any cut or reordering makes it anonymous, and is no error',
    needs: ['sealed'],
    specs: [
      { file: 'test/stores/sealed/formats.spec.ts', title: 'rejects a value with any bit flipped' },
      { file: 'test/stores/sealed/attacks.spec.ts', title: 'rejects a cookie with any byte replaced' },
    ],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      const { value } = client;
      const bad = Array.from({ length: value.length }, (_, at) => flipped(value, at));
      const half = value.length >> 1;
      bad.push(value.slice(0, -1), value.slice(1), value + value, value.slice(half) + value.slice(0, half));
      await expectAnonymous(bench, client, bad);
    },
  },
  {
    id: 'R62',
    source: 'ASVS 11.3.4; NIST SP 800-38D §8',
    title: 'the same state is never sealed to the same value',
    needs: ['sealed'],
    specs: [
      {
        file: 'test/stores/sealed/formats.spec.ts',
        title: 'uses only cookie-octets, and a new value each time',
      },
    ],
    async run(lab) {
      const bench = await lab.start();
      const clients = Array.from({ length: 300 }, () => bench.client());
      await Promise.all(clients.map((client) => client.login('alice')));
      expect(new Set(clients.map(({ value }) => value)).size).toBe(300);
      // The longest field begins with its salt, or is encrypted under a nonce of its own.
      const fields = clients.map(({ value }) => value.split(/[.*;~]/).sort((a, b) => b.length - a.length)[0]);
      expect(new Set(fields.map((field) => field?.slice(0, 16))).size).toBe(300);
    },
  },
  {
    id: 'R63',
    source: 'NIST SP 800-38D §7; derived',
    title: 'the name, the version and the key id are authenticated',
    needs: ['sealed'],
    async run(lab) {
      const one = await lab.start({ share: 'name' });
      const two = await lab.start({ share: 'name', cookie: { name: '__Host-other' } });
      const client = await one.loggedIn();
      const other = await two.loggedIn();
      const { value } = client;
      // The same value under the other name, with whatever belongs to it.
      await two.expectOut(client.cookie.replaceAll(one.cookieName, two.cookieName));
      await one.expectOut(other.cookie.replaceAll(two.cookieName, one.cookieName));
      const cut = value.indexOf('.') + 1;
      if (cut > 0) await expectAnonymous(one, client, [value.slice(cut), `v9.${value.slice(cut)}`]);
    },
  },
  {
    id: 'R64',
    source: 'CVE-2008-1930',
    title: 'no boundary between fields can be moved, added or dropped',
    needs: ['sealed'],
    specs: [{ file: 'test/stores/sealed/formats.spec.ts', title: 'rejects a value with a separator moved' }],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      const { value } = client;
      const bad = [...value].flatMap((character, at) => {
        if (!/[.:;*~|]/.test(character)) return [];
        const [left, right] = [value.slice(0, at), value.slice(at + 1)];
        const earlier = left.slice(0, -1) + character + left.slice(-1) + right;
        const later = left + right.slice(0, 1) + character + right.slice(1);
        return [earlier, later, left + right, left + character + character + right];
      });
      bad.push(value.slice(1), value.slice(0, -1));
      await expectAnonymous(
        bench,
        client,
        bad.filter((one) => one !== value),
      );
    },
  },
  {
    id: 'R65',
    source: 'ASVS 11.1.1; CVE-2025-47278',
    title: 'a new secret issues, the old one verifies, a removed one opens nothing',
    async run(lab) {
      const settings = { share: 'ring', rotateEvery: false } as const;
      const before = await (await lab.start({ ...settings, secret: A })).loggedIn();
      const both = await lab.start({ ...settings, secret: [B, A] });
      await both.expectIn(before.cookie);
      const between = await both.loggedIn();
      const after = await lab.start({ ...settings, secret: B });
      await after.expectIn(between.cookie);
      await after.expectOut(before.cookie);
    },
  },
  {
    id: 'R66',
    source: 'CWE-521; CWE-1392',
    title: 'a short, default-looking or missing secret fails at boot',
    async run(lab) {
      for (const secret of [...SHORT, ...DEFAULTS, '', []])
        expect([secret, await boots(lab, secret)]).toEqual([secret, false]);
      for (const secret of [A.slice(0, LEAST), A])
        expect([secret, await boots(lab, secret)]).toEqual([secret, true]);
    },
  },
  {
    id: 'R67',
    source: 'CWE-409',
    title: 'authentication comes before the age, decryption and bounded decompression',
    specs: [
      { file: 'test/stores/sealed/formats.spec.ts', title: 'rejects a decompression bomb' },
      { file: 'test/stores/sealed/formats.spec.ts', title: 'rejects arbitrary text, whole or as a field' },
    ],
  },
  {
    id: 'R68',
    source: 'ASVS 7.3.1',
    title: 'the expiry is inside the sealed part',
    needs: ['sealed', 'clock'],
    async run(lab) {
      const bench = await lab.start({ idle: '1h', lifetime: '1h', remember: { lifetime: '1h', idle: '1h' } });
      const client = bench.client();
      await client.login('alice', { remember: true });
      const copy = client.cookie;
      bench.site.advance('59m');
      await bench.expectIn(copy);
      bench.site.advance('2m');
      await bench.expectOut(copy);
    },
  },
  {
    id: 'R69',
    source: 'derived; CWE-294',
    title: 'an older version of the state is refused after a re-login or a regenerate',
    needs: ['sealed'],
    note: 'It keeps nothing on the server that could know.',
    specs: [{ file: 'test/stores/sealed/matrix.spec.ts', title: "describe('state that is rolled back'" }],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      await client.write({ balance: 100 });
      const rich = client.cookie;
      await client.write({ balance: 0 });
      if (lab.can('re-login')) expect((await client.relogin()).status).toBe(200);
      else await client.login('alice');
      expect((await bench.client().read({ cookie: rich })).data).not.toMatchObject({ balance: 100 });
      await bench.expectOut(rich);
    },
  },
  {
    id: 'R70',
    source: 'ASVS 11.2.4; CWE-208',
    title: 'a tag or signature of another length is refused and throws nothing',
    specs: [
      { file: 'test/stores/sealed/formats.spec.ts', title: 'rejects a tag of one byte without throwing' },
      { file: 'test/core/token/hmac.spec.ts', title: 'agrees with createHmac for any key and any ASCII' },
    ],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      const { value } = client;
      const [last = ''] = value.match(/[\w+/=-]{16,}(?![\s\S]*[\w+/=-]{16})/) ?? [];
      const changed = ['', last.slice(0, 1), last.slice(0, 2), last.slice(0, -1), `${last}AAAA`];
      const at = value.lastIndexOf(last);
      const rest = value.slice(at + last.length);
      expect(last.length).toBeGreaterThan(16);
      await expectAnonymous(
        bench,
        client,
        changed.map((one) => value.slice(0, at) + one + rest),
      );
    },
  },
  {
    id: 'R71',
    source: 'ASVS 9.1.2; CWE-757',
    title: 'an unknown version, algorithm or key id opens nothing',
    needs: ['sealed'],
    specs: [
      { file: 'test/stores/sealed/formats.spec.ts', title: 'rejects another version and an unknown key id' },
    ],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      const { value } = client;
      const [first = '', second = '', ...rest] = value.split(/(?<=[.*])/);
      const bad = ['v0.', 'v2.', 'none.', 'Fe26.1*', ''].map((head) => head + second + rest.join(''));
      if (second !== '') bad.push(first + flipped(second, 0) + rest.join(''), first + rest.join(''));
      await expectAnonymous(bench, client, bad);
    },
  },
];

async function boots(lab: Lab, secret: string | readonly string[]): Promise<boolean> {
  try {
    await lab.start({ secret });
    return true;
  } catch {
    return false;
  }
}

/** None of these values opens anything, and none of them is an error of the server. */
async function expectAnonymous(bench: Bench, client: Client, values: readonly string[]): Promise<void> {
  for (let from = 0; from < values.length; from += 20) {
    const some = values.slice(from, from + 20);
    const statuses = await Promise.all(some.map((value) => statusOf(bench, client.cookieWith(value))));
    expect(statuses).toEqual(some.map(() => 401));
  }
}

async function statusOf(bench: Bench, cookie: string): Promise<number> {
  return (await bench.client().get('/me', { cookie })).status;
}
