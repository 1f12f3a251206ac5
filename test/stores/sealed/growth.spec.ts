import { createSecretKey } from 'node:crypto';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { MemoryStore } from 'nest-sessions';
import { SealedFormat } from '../../../lib/stores/sealed/formats/sealed.js';
import { readContent, writeContent } from '../../../lib/stores/sealed/payload.js';
import { Browser } from '../../support/browser.js';
import { GROWING, infoOf, NEWER_FIELDS, STEPS } from '../../support/newer-fields.js';
import { closeAll, platforms, SECRET, start } from '../../support/platforms.js';

const NAME = '__Host-session';
const format = new SealedFormat([createSecretKey(Buffer.from(SECRET))], NAME);

/** What the former version sealed at a login, and in an anonymous session. */
const FORMER = `[1,"an-id",2,"epoch",900,1000,2000,3000,4000,5000,1,7,{"pwd":1000},"alice",{"ip":"192.0.2.1"},[["cart",3],["n",1]]]\n[1]5`;
const FORMER_ANONYMOUS = '[1,"an-id",0,"",900,1000,2000,3000,4000,5000,0,0,{},null,null,[]]\n';

/** The parts of a head by which the former version recognises the layout, and where it reads the device. */
const headOf = (text: string): unknown[] => JSON.parse(text.slice(0, text.indexOf('\n'))) as unknown[];
const START = 5;
const DEVICE = 14;

describe('the content of a sealed cookie', () => {
  it('of the former version is read, with createdAt from startedAt, and written unchanged', () => {
    const content = readContent(FORMER)!;
    expect(content).toMatchObject({
      id: 'an-id',
      version: 2,
      issuedAt: 900,
      expiresAt: 4_000,
      endsAt: 5_000,
    });
    expect(content.record).toMatchObject({
      createdAt: 1_000,
      startedAt: 1_000,
      lastSeenAt: 2_000,
      rotatedAt: 3_000,
      remember: true,
      revision: 7,
      factors: { pwd: 1_000 },
      subject: 'alice',
      device: { ip: '192.0.2.1' },
      data: { cart: '[1]', n: '5' },
    });
    expect(content.record).not.toHaveProperty('extra');
    expect(writeContent(content)).toBe(FORMER);
    const anonymous = readContent(FORMER_ANONYMOUS)!;
    expect(anonymous.record).not.toHaveProperty('device');
    expect(writeContent(anonymous)).toBe(FORMER_ANONYMOUS);
  });

  it('is readable by the former version: same number of parts, new fields beside the device', () => {
    const content = readContent(FORMER)!;
    const record = { ...content.record, startedAt: 1_500, extra: NEWER_FIELDS };
    const text = writeContent({ ...content, record });
    const head = headOf(text);
    expect(head).toHaveLength(16);
    expect(head[START]).toBe(1_500);
    expect(head[DEVICE]).toMatchObject({ ip: '192.0.2.1' });
    // It hands on the whole of it, but for a re-login.
    expect(readContent(text)!.record).toEqual(record);
  });

  it('round-trips with and without device, subject and fields of a newer version', () => {
    const content = readContent(FORMER_ANONYMOUS)!;
    const people = [{}, { subject: 'alice', device: {} }, { subject: 'alice', device: { userAgent: 'ü' } }];
    for (const whose of people) {
      for (const extra of [{}, { extra: NEWER_FIELDS }, { extra: { createdAt: '1', device: '{}' } }]) {
        for (const startedAt of 'subject' in whose ? [1_000, 2_000] : [1_000]) {
          const record = { ...content.record, ...whose, ...extra, startedAt };
          expect(readContent(writeContent({ ...content, ...whose, record }))!.record).toEqual(record);
        }
      }
    }
  });
});

describe.each(platforms)('a session in a sealed cookie on %s', (platform) => {
  afterEach(closeAll);

  const login = async () => {
    const store = new SealedCookie({ revocations: new MemoryRevocations(), index: new MemoryStore() });
    const { url, clock } = await start(platform, { ...GROWING, options: { ...GROWING.options, store } });
    const browser = new Browser(url);
    expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
    const text = () => format.open(browser.cookie.slice(NAME.length + 1))!;
    const reseal = async (text: string) => {
      const value = format.seal(text);
      await browser.jar.setCookie(
        `${NAME}=${value}; Path=/; Secure; HttpOnly`,
        url.replace('http:', 'https:'),
      );
    };
    return { browser, clock, text, reseal };
  };

  it('keeps the fields of a newer version', async () => {
    const { browser, clock, text, reseal } = await login();
    const content = readContent(text())!;
    await reseal(writeContent({ ...content, record: { ...content.record, extra: NEWER_FIELDS } }));
    for (const [step, act] of STEPS) {
      await act(browser, clock);
      expect([step, readContent(text())!.record.extra]).toEqual([step, NEWER_FIELDS]);
    }
    expect((await browser.get('/look')).json()).toMatchObject({ data: { b: 2, c: 3 } });
  });

  it('keeps createdAt after a re-login and moves startedAt', async () => {
    const { browser, clock, text } = await login();
    const begun = clock.now();
    clock.advance('5m');
    await browser.post('/relogin', {});
    const times = { createdAt: begun, startedAt: clock.now() };
    expect(readContent(text())!.record).toMatchObject(times);
    await browser.post('/data', { a: 1 });
    expect(readContent(text())!.record).toMatchObject(times);
    expect(await infoOf(browser)).toMatchObject({
      createdAt: new Date(begun).toISOString(),
      startedAt: new Date(clock.now()).toISOString(),
    });
  });
});
