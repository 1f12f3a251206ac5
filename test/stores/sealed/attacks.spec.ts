import fc from 'fast-check';
import { SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../../support/app.js';
import { Browser, type Answer } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';

const NAME = '__Host-session';
const formats = ['sealed', 'scs', 'liu'] as const;
const table = platforms.flatMap(([platform]) => formats.map((format) => [platform, format] as const));
const separators = { sealed: '.', scs: '|', liu: '|' };

describe.each(table)(
  'forged cookies over HTTP on %s with the format %s',
  (platform: PlatformName, format) => {
    let browser: Browser;
    let mine: string;
    let theirs: string;

    beforeAll(async () => {
      const { url } = await start(platform, {
        controllers: [AppController],
        options: { store: new SealedCookie({ format }) },
      });
      browser = new Browser(url);
      mine = await valueOf(url, 'mallory');
      theirs = await valueOf(url, 'alice');
    });
    afterAll(closeAll);

    async function valueOf(url: string, user: string): Promise<string> {
      const one = new Browser(url);
      await one.post('/login', { user });
      await one.post('/data', { role: 'user', note: 'x'.repeat(40) });
      return one.cookie.slice(NAME.length + 1);
    }

    /** The request is anonymous: no error, and no session of another user. */
    async function isAnonymous(value: string): Promise<void> {
      if (value === mine || value === theirs) return;
      const answer: Answer = await browser.get('/look', { cookie: `${NAME}=${value}` });
      expect([answer.status, answer.json()]).toEqual([
        200,
        { id: expect.stringMatching(/^[\w-]{22}$/) as string, subject: null, state: 'new', data: {} },
      ]);
    }

    it('accepts both genuine cookies', async () => {
      for (const [value, subject] of [
        [mine, 'mallory'],
        [theirs, 'alice'],
      ]) {
        const answer = await browser.get('/look', { cookie: `${NAME}=${value}` });
        expect(answer.json()).toMatchObject({ subject, data: { role: 'user' } });
      }
    });

    it('rejects a cookie with any byte replaced', async () => {
      const other = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.|';
      for (let at = 0; at < mine.length; at++) {
        const replacement = other[(other.indexOf(mine[at]!) + 1 + (at % 60)) % other.length]!;
        if (replacement !== mine[at]) await isAnonymous(mine.slice(0, at) + replacement + mine.slice(at + 1));
      }
    }, 60_000);

    it('rejects a cookie that is truncated, extended or joined with part of another', async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(mine.length), fc.nat(theirs.length), fc.nat(3), async (a, b, way) => {
          const stitched = mine.slice(0, a) + theirs.slice(b);
          await isAnonymous([stitched, mine.slice(0, a), mine.slice(a), mine + theirs.slice(b)][way]!);
        }),
        { numRuns: 150 },
      );
    }, 60_000);

    it('rejects a cookie with a field swapped, taken from another cookie, omitted or repeated', async () => {
      const dot = separators[format];
      const [one, other] = [mine.split(dot), theirs.split(dot)];
      for (let i = 0; i < one.length; i++) {
        await isAnonymous(one.toSpliced(i, 1).join(dot));
        await isAnonymous(one.with(i, '').join(dot));
        await isAnonymous(one.toSpliced(i, 0, one[i]!).join(dot));
        for (let j = 0; j < one.length; j++) {
          await isAnonymous(one.with(i, one[j]!).with(j, one[i]!).join(dot));
          if (one[i] !== other[j]) await isAnonymous(one.with(i, other[j]!).join(dot));
        }
      }
    });

    it('rejects arbitrary values', async () => {
      const octets = fc.string({
        unit: fc.constantFrom(...'abcXYZ019-_.|%=+/*!~s:{}[]"\\\t é'.split('')),
        maxLength: 200,
      });
      await fc.assert(
        fc.asyncProperty(octets, (value) => isAnonymous(value)),
        { numRuns: 150 },
      );
      const odd = [
        '',
        '.',
        '..',
        '|||',
        '||||',
        'v1..',
        'v1.__proto__.AA',
        '%',
        '%7C',
        `"${mine}"`,
        `s:${mine}`,
      ];
      for (const value of [
        ...odd,
        'A'.repeat(4_096),
        'A'.repeat(8_000),
        mine.replaceAll('|', '%7C').replaceAll('.', '%2E'),
      ])
        await isAnonymous(value);
    }, 60_000);
  },
);
