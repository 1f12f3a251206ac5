import { MemoryStore, type SessionModuleOptions } from 'nest-sessions';
import { MemoryRevocations, SealedCookie, type SealedCookieOptions } from 'nest-sessions/sealed';
import { BindingBrowser, BOUND_COOKIE, DeviceSigner, registrationIn, valueIn } from '../../support/device.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, SECRET } from '../../support/platforms.js';
import { startBound } from '../../nest/device/device.app.js';

afterEach(closeAll);

const NEXT_SECRET = 'the-next-one-J2k8Zp4VyXc6Nq1WsEgTbUa';
const COOKIE = '__Host-session';

/*
 * The protocol of devices over sealed cookies is specified in test/nest/device. This is about the Secure Cookie Protocol, whose S
 * was to bind a cookie to its client: with the key of the device under its MAC, and a bound cookie that proves it, nothing that
 * is made of cookies opens a session.
 */
describe.each(platforms)('the Secure Cookie Protocol with the key of a device on %s', (platform) => {
  const run = (sealed: SealedCookieOptions = {}, options: Partial<SessionModuleOptions> = {}) =>
    startBound(platform, { store: new SealedCookie({ format: 'liu', ...sealed }), idle: '1h', ...options });

  const statusOf = async (browser: BindingBrowser, cookie = browser.cookie, headers = {}): Promise<number> =>
    (await browser.get('/me', { cookie, headers })).status;

  const sealedIn = (browser: BindingBrowser): string => valueIn(browser.cookie, COOKIE)!;

  const cookies = (sealed: string, bound: string | undefined): string =>
    `${COOKIE}=${sealed}; ${BOUND_COOKIE}=${bound}`;

  it('opens nothing for cookies that are made of two of the same user and second, which share a key', async () => {
    const { url, clock } = await run();
    const [one, two] = [new BindingBrowser(url), new BindingBrowser(url)];
    await one.bind();
    await two.bind();
    clock.advance('11s');
    const [a, b] = [sealedIn(one).split('|'), sealedIn(two).split('|')] as [string[], string[]];
    expect(a.slice(0, 2)).toEqual(b.slice(0, 2));
    const [known, tags] = [a.slice(0, 2).join('|'), [a[3]!, b[3]!]];
    const bounds = [one.boundCookie, two.boundCookie];
    const made = new Set(
      splicesOf(a[2]!, b[2]!).flatMap((data) => tags.map((tag) => `${known}|${data}|${tag}`)),
    );
    for (const own of [a, b]) made.delete(own.join('|'));
    expect(made.size).toBeGreaterThan(20);
    for (const sealed of made)
      expect([
        sealed,
        await statusOf(one, `${cookies(sealed, bounds[0])}; ${BOUND_COOKIE}=${bounds[1]}`),
      ]).toEqual([sealed, 401]);
    expect([await statusOf(one), await statusOf(two)]).toEqual([200, 200]);
  });

  it('is worthless on a device with another key, whatever that one presents', async () => {
    const { url, clock, told } = await run();
    const [owner, thief] = [new BindingBrowser(url), new BindingBrowser(url)];
    await owner.bind();
    await thief.bind();
    const stolen = sealedIn(owner);
    clock.advance('11s');
    expect(await statusOf(thief, `${COOKIE}=${stolen}`)).toBe(401);
    expect(await statusOf(thief, cookies(stolen, thief.boundCookie))).toBe(401);
    expect(await statusOf(thief, cookies(sealedIn(thief), owner.boundCookie))).toBe(401);
    // It registers no key of its own,
    const { challenge } = registrationIn(owner.loggedIn);
    for (const signer of [thief.device, new DeviceSigner()]) {
      const answer = await thief.register(signer.registration(challenge), { cookie: `${COOKIE}=${stolen}` });
      expect([answer.status, answer.setCookies]).toEqual([403, []]);
    }
    expect(await statusOf(owner)).toBe(200);
    // and what it signs for the stolen one ends that session.
    const answer = await thief.ask(thief.device.refresh(owner.challenge), {
      cookie: cookies(stolen, thief.boundCookie),
      headers: { 'sec-secure-session-id': owner.sessionId },
    });
    expect([answer.json(), answer.setCookies.some(isGrant)]).toMatchObject([{ continue: false }, false]);
    expect(told('reused')).toMatchObject([{ id: owner.sessionId }]);
    expect([await statusOf(owner), await statusOf(thief)]).toEqual([401, 200]);
  });

  it('asks for S and for the key, with bindTo', async () => {
    const bindTo: SealedCookieOptions['bindTo'] = (request) => request?.headers['x-device']?.toString();
    const { browser, clock, told } = await run({ bindTo });
    const [mine, others] = [{ 'x-device': 'mine' }, { 'x-device': 'another' }];
    const login = await browser.post('/login', { user: 'alice' }, { headers: mine });
    const jwt = browser.device.registration(registrationIn(login).challenge);
    const elsewhere = await browser.register(jwt, { headers: others, cookie: browser.cookie });
    expect(elsewhere.status).toBe(403);
    expect(told('refused')).toMatchObject([{ reason: 'no-session' }]);
    expect((await browser.register(jwt, { headers: mine })).status).toBe(200);
    clock.advance('5m');
    const { cookie, unbound } = browser;
    expect([
      await statusOf(browser, cookie, mine),
      await statusOf(browser, cookie, others),
      await statusOf(browser, unbound, mine),
    ]).toEqual([200, 401, 401]);
    const proof = browser.device.refresh(browser.challenge);
    const refused = await browser.ask(proof, { headers: others, cookie });
    expect(refused.json()).toEqual({ session_identifier: browser.sessionId, continue: false });
    expect((await browser.ask(proof, { headers: mine })).status).toBe(200);
    expect(await statusOf(browser, browser.cookie, mine)).toBe(200);
  });

  it('stays bound where the secret is replaced, and the cookie is sealed anew', async () => {
    const revocations = new MemoryRevocations();
    const before = await run({ revocations });
    const { browser, clock } = before;
    await browser.bind();
    const secret = [NEXT_SECRET, SECRET];
    const after = new BindingBrowser((await run({ revocations }, { secret, clock })).url);
    const last = new BindingBrowser((await run({ revocations }, { secret: NEXT_SECRET, clock })).url);
    after.sessionId = browser.sessionId;
    clock.advance('5m');
    const old = sealedIn(browser);
    const rolled = await after.get('/me', { cookie: browser.cookie });
    const renewed = rolled.setCookies[0]!.split(';')[0]!;
    expect(rolled.status).toBe(200);
    expect(renewed).not.toBe(`${COOKIE}=${old}`);
    expect(await statusOf(after, renewed)).toBe(401);
    const proof = browser.device.refresh(browser.challenge);
    const refreshed = await after.ask(proof, { cookie: renewed });
    const bound = refreshed.setCookies.find((one) => one.startsWith(BOUND_COOKIE))!.split(';')[0]!;
    expect([await statusOf(last, `${renewed}; ${bound}`), await statusOf(last, renewed)]).toEqual([200, 401]);
    expect(await statusOf(last, `${COOKIE}=${old}; ${bound}`)).toBe(401);
  });

  it.each(['/logout', '/logout-everywhere'])(
    'ends with %s, with every copy of both cookies',
    async (path) => {
      const revocations = new MemoryRevocations();
      const { browser, clock } = await run({ revocations, index: new MemoryStore() }, { rotateEvery: '2m' });
      await browser.bind();
      const captured = new Set<string>();
      for (let step = 0; step < 5; step++) {
        captured.add(browser.cookie);
        clock.advance('90s');
        expect(await statusOf(browser)).toBe(200);
        await browser.get('/me');
        if (step === 2) await browser.refresh();
      }
      captured.add(browser.cookie);
      expect(captured.size).toBe(6);
      await browser.post(path, {});
      for (const cookie of captured) {
        expect(await statusOf(browser, cookie)).toBe(401);
        const answer = await browser.ask(browser.device.refresh(browser.challenge), { cookie });
        expect([answer.json(), answer.setCookies.some(isGrant)]).toEqual([
          { session_identifier: browser.sessionId, continue: false },
          false,
        ]);
      }
    },
  );

  it('leaves the cookies from before the binding as they are, without a list', async () => {
    const { browser, clock } = await run({ revocations: false });
    await browser.login();
    const copy = browser.cookie;
    await browser.register(browser.device.registration(registrationIn(browser.loggedIn).challenge));
    clock.advance('11s');
    expect([await statusOf(browser), await statusOf(browser, browser.unbound)]).toEqual([200, 401]);
    expect(await statusOf(browser, copy)).toBe(200);
  });

  it('but for those that a session without a key does not open, with require: always', async () => {
    const { browser, clock } = await run({ revocations: false }, { deviceBound: { require: 'always' } });
    await browser.login();
    const copy = browser.cookie;
    await browser.register(browser.device.registration(registrationIn(browser.loggedIn).challenge));
    clock.advance('11s');
    expect([await statusOf(browser), await statusOf(browser, copy)]).toEqual([200, 403]);
  });
});

describe.each(platforms)('a sealed cookie on %s in which the key has no room', (platform) => {
  it.each(['sealed', 'liu'] as const)('stays as it was, and the log says why: format %s', async (format) => {
    const log = new LogSink();
    const { browser, clock, told } = await startBound(
      platform,
      { store: new SealedCookie({ format }) },
      { prepare: log.attach },
    );
    const login = await browser.login();
    await browser.post('/data', { note: 'x'.repeat(roomIn(browser.cookie)) });
    const answer = await browser.register(browser.device.registration(registrationIn(login).challenge));
    expect([answer.status, answer.setCookies, told('bound')]).toEqual([503, [], []]);
    expect(log.lines.filter((line) => line.startsWith('error'))).toEqual([
      expect.stringMatching(/A request of a device-bound session failed\. .*octets, and browsers keep/),
    ]);
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
  });
});

it.each(['device', 'device-key'])('bindTo: %j names the option for it', (bindTo) => {
  expect(() => new SealedCookie({ format: 'liu', bindTo: bindTo as never })).toThrow(
    expect.objectContaining({
      code: 'ERR_OPTIONS',
      message: expect.stringMatching(/bindTo: .*deviceBound: true/) as string,
    }),
  );
});

/** Whether a Set-Cookie header has a bound cookie, and does not take one away. */
const isGrant = (setCookie: string): boolean => /^__Host-session-bound=[^;]/.test(setCookie);

/** The ciphertexts that begin as one of two and go on as the other one, at each boundary of blocks. */
function splicesOf(one: string, two: string): string[] {
  const BLOCK = 16;
  const [a, b] = [one, two].map((text) => Buffer.from(text, 'base64url')) as [Buffer, Buffer];
  const at = Array.from({ length: Math.min(a.length, b.length) / BLOCK + 1 }, (_, i) => i * BLOCK);
  return at.flatMap((end) =>
    [
      [a, b],
      [b, a],
    ].map(([head, tail]) =>
      Buffer.concat([head!.subarray(0, end), tail!.subarray(end)]).toString('base64url'),
    ),
  );
}

/** How much the data of a cookie may grow so that the cookie is kept, but has no room for a key. */
const roomIn = (cookie: string): number => Math.floor(((4_096 - cookie.length) * 3) / 4) - 60;
