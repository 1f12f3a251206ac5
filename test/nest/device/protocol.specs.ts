import { createHmac, sign } from 'node:crypto';
import type { SessionModuleOptions } from 'nest-sessions';
import type { Answer } from '../../support/browser.js';
import {
  BindingBrowser,
  BOUND_COOKIE,
  challengeIn,
  DEVICE_PATH,
  DeviceSigner,
  REFRESH_PATH,
  registrationIn,
} from '../../support/device.js';
import { rsaKeyPair } from '../../support/key-pair.js';
import type { PlatformName } from '../../support/platforms.js';
import { startBound } from './device.app.js';

type Store = SessionModuleOptions['store'];
type Running = Awaited<ReturnType<typeof startBound>>;

const MINUTE = 60_000;

/** The protocol over whatever keeps the sessions. */
export function protocolSpecs(platform: PlatformName, make: () => Promise<Store>): void {
  const run = async (options: Partial<SessionModuleOptions> = {}): Promise<Running> =>
    startBound(platform, { store: await make(), ...options });

  const statusOf = async (browser: BindingBrowser, cookie = browser.cookie): Promise<number> =>
    (await browser.get('/me', { cookie })).status;

  describe('registration', () => {
    it('is offered by a login, and by nothing before', async () => {
      const { browser } = await run();
      expect((await browser.get('/look')).headers['secure-session-registration']).toBeUndefined();
      const { algorithms, path } = registrationIn(await browser.login());
      expect([algorithms, path]).toEqual(['ES256', DEVICE_PATH]);
      expect((await browser.get('/me')).headers['secure-session-registration']).toBeUndefined();
    });

    it('is offered again by a re-login, unless the session is bound', async () => {
      const { browser } = await run();
      await browser.login();
      const again = await browser.post('/relogin', {});
      await browser.register(browser.device.registration(registrationIn(again).challenge));
      expect((await browser.post('/relogin', {})).headers['secure-session-registration']).toBeUndefined();
      expect(await statusOf(browser)).toBe(200);
    });

    it('binds the session: from then on it opens only with the bound cookie', async () => {
      const { browser, clock, told } = await run();
      const answer = await browser.bind();
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        'cache-control': 'no-store',
        'content-type': 'application/json',
      });
      expect(answer.setCookies.find((one) => one.startsWith(BOUND_COOKIE))).toMatch(
        /^__Host-session-bound=[\w.-]+; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      );
      expect(answer.json()).toEqual({
        session_identifier: browser.loggedIn.json()['id'],
        refresh_url: REFRESH_PATH,
        scope: { include_site: false, scope_specification: [] },
        credentials: [
          { type: 'cookie', name: BOUND_COOKIE, attributes: 'Path=/; Secure; HttpOnly; SameSite=Lax' },
        ],
      });
      expect(told('bound')).toMatchObject([{ subject: 'alice', algorithm: 'ES256' }]);
      clock.advance('11s');
      expect(await statusOf(browser)).toBe(200);
      expect(await statusOf(browser, browser.unbound)).toBe(401);
      expect((await browser.post('/xhr', {}, { cookie: browser.unbound })).status).toBe(401);
      expect(told('refused')).toMatchObject([{ reason: 'no-cookie' }, { reason: 'no-cookie' }]);
    });

    it('lets requests pass that left the browser before it', async () => {
      const { browser, clock } = await run();
      await browser.bind();
      clock.advance('9s');
      expect(await statusOf(browser, browser.unbound)).toBe(200);
      clock.advance('2s');
      expect(await statusOf(browser, browser.unbound)).toBe(401);
    });

    it('accepts the proof with quotes and without', async () => {
      const { url } = await run();
      for (const quote of [(jwt: string) => jwt, (jwt: string) => `"${jwt}"`]) {
        const browser = new BindingBrowser(url);
        const { challenge } = registrationIn(await browser.login());
        expect((await browser.register(quote(browser.device.registration(challenge)))).status).toBe(200);
        const asked = await browser.ask(undefined, {
          headers: { 'sec-secure-session-id': quote(browser.sessionId) },
        });
        const proof = quote(browser.device.refresh(challengeIn(asked).challenge));
        expect((await browser.ask(proof)).status).toBe(200);
      }
    });

    it('accepts a proof that says more than it has to, and keeps nothing of it', async () => {
      const { browser, sessions } = await run();
      const { challenge } = registrationIn(await browser.login());
      const more = { authorization: 'code', iat: 1, exp: 2, aud: 'x', sub: 'bob' };
      const header = { ...headerOf(browser.device), kid: '1', jku: 'https://evil.example/' };
      const jwt = browser.device.sign({ header, payload: { ...more, jti: challenge } });
      expect((await browser.register(jwt)).status).toBe(200);
      expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
      expect(JSON.stringify(await sessions.list('alice'))).not.toMatch(/code|evil|bob/);
    });

    const REFUSED: [string, string, (browser: BindingBrowser, challenge: string) => string | undefined][] = [
      ['no proof', 'no-proof', () => undefined],
      ['an empty proof', 'malformed', () => ''],
      ['something that is no JWT', 'malformed', () => 'a.b'],
      ['five parts', 'malformed', ({ device }, challenge) => `${device.registration(challenge)}.x.y`],
      [
        'a header that is no JSON',
        'malformed',
        ({ device }, challenge) => device.registration(challenge).replace(/^[^.]+/, 'AAAA'),
      ],
      [
        'an oversized proof',
        'malformed',
        ({ device }, challenge) => device.registration(challenge, { padding: 'x'.repeat(6_000) }),
      ],
      [
        'another type',
        'malformed',
        ({ device }, challenge) => device.registration(challenge, { typ: 'JWT' }),
      ],
      [
        'a critical extension',
        'malformed',
        ({ device }, challenge) => device.registration(challenge, { crit: ['exp'] }),
      ],
      [
        'a payload that is no JSON',
        'malformed',
        ({ device }) => device.sign({ header: headerOf(device), payload: 'x' }),
      ],
      [
        'a payload without a challenge',
        'malformed',
        ({ device }) => device.sign({ header: headerOf(device), payload: {} }),
      ],
      [
        'a challenge that is no text',
        'malformed',
        ({ device }) => device.sign({ header: headerOf(device), payload: { jti: 1 } }),
      ],
      [
        'alg none',
        'algorithm',
        ({ device }, challenge) => device.registration(challenge, { alg: 'none' }).replace(/[^.]+$/, ''),
      ],
      [
        'alg none without a key',
        'algorithm',
        ({ device }, challenge) =>
          device.registration(challenge, { alg: 'none', jwk: undefined }).replace(/[^.]+$/, ''),
      ],
      [
        'an HMAC with the key as its secret',
        'algorithm',
        ({ device }, challenge) => withHmac(device, challenge),
      ],
      ['RS256, which is not allowed', 'algorithm', (_, challenge) => withRsa(challenge)],
      ['P-384', 'key', (_, challenge) => new DeviceSigner('P-384').registration(challenge)],
      [
        'ES256 with secp256k1',
        'key',
        (_, challenge) => new DeviceSigner('secp256k1').registration(challenge),
      ],
      ['no key', 'key', ({ device }, challenge) => device.registration(challenge, { jwk: undefined })],
      [
        'a point that is not on the curve',
        'key',
        ({ device }, challenge) =>
          device.registration(challenge, { jwk: { ...device.publicJwk, y: device.publicJwk.x } }),
      ],
      [
        'a short coordinate',
        'key',
        ({ device }, challenge) =>
          device.registration(challenge, { jwk: { ...device.publicJwk, x: device.publicJwk.x!.slice(4) } }),
      ],
      [
        'a swapped key',
        'signature',
        ({ device }, challenge) => device.registration(challenge, { jwk: new DeviceSigner().publicJwk }),
      ],
      [
        'an altered signature',
        'signature',
        ({ device }, challenge) => device.registration(challenge).replace(/\.[^.]+$/, `.${'A'.repeat(86)}`),
      ],
      ['an invented challenge', 'challenge', ({ device }) => device.registration('x'.repeat(75))],
      [
        'an altered challenge',
        'challenge',
        ({ device }, challenge) =>
          device.registration(challenge.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))),
      ],
    ];

    it('refuses what is not in order, and binds nothing', async () => {
      const { url, clock, told } = await run();
      const browser = new BindingBrowser(url);
      const { challenge } = registrationIn(await browser.login());
      for (const [what, reason, proof] of REFUSED) {
        const answer = await browser.register(proof(browser, challenge));
        expect([what, answer.status, answer.setCookies, told('refused').at(-1)]).toMatchObject([
          what,
          403,
          [],
          { reason, subject: 'alice' },
        ]);
        expect(answer.headers['cache-control']).toBe('no-store');
        expect(answer.headers['secure-session-challenge']).toBeUndefined();
      }
      expect(told('refused')).toHaveLength(REFUSED.length);
      expect(told('bound')).toEqual([]);
      clock.advance('1m');
      expect(await statusOf(browser)).toBe(200);
      // The challenge of the login is as good as before.
      expect((await browser.register(browser.device.registration(challenge))).status).toBe(200);
    });

    it('refuses a challenge that is too old, and one of another session', async () => {
      const { url, clock, told } = await run();
      const [browser, other] = [new BindingBrowser(url), new BindingBrowser(url)];
      const { challenge } = registrationIn(await browser.login());
      const foreign = registrationIn(await other.login()).challenge;
      const refused = await browser.register(browser.device.registration(foreign));
      expect([refused.status, refused.headers['secure-session-challenge']]).toEqual([403, undefined]);
      clock.advance('5m');
      const late = await browser.register(browser.device.registration(challenge));
      // Browsers end a registration that gets a challenge.
      expect([late.status, late.headers['secure-session-challenge']]).toEqual([403, undefined]);
      expect(told('refused').map((event) => 'reason' in event && event.reason)).toEqual([
        'challenge',
        'challenge',
      ]);
    });

    it('needs a session that is logged in', async () => {
      const { browser, told } = await run();
      const { challenge } = registrationIn(await browser.login());
      const jwt = browser.device.registration(challenge);
      await browser.post('/logout');
      expect((await browser.register(jwt)).status).toBe(403);
      expect((await browser.register(jwt, { cookie: '' })).status).toBe(403);
      expect(told('refused')).toMatchObject([{ reason: 'no-session' }, { reason: 'no-session' }]);
    });

    it('happens once: neither a second key nor the same proof again', async () => {
      const { browser, clock, told, sessions } = await run();
      await browser.bind();
      const { challenge } = registrationIn(browser.loggedIn);
      const thief = new DeviceSigner();
      for (const signer of [browser.device, thief]) {
        const again = await browser.register(signer.registration(challenge));
        expect([again.status, again.setCookies]).toEqual([403, []]);
      }
      expect(told('refused')).toMatchObject([{ reason: 'bound' }, { reason: 'bound' }]);
      clock.advance('1m');
      expect((await browser.refresh()).status).toBe(200);
      await sessions.ping();
    });

    it('binds to one of two keys that come at once', async () => {
      const { url, clock, told } = await run();
      for (let round = 0; round < 5; round++) {
        const browser = new BindingBrowser(url);
        const { challenge } = registrationIn(await browser.login());
        const cookie = browser.cookie;
        const signers = Array.from({ length: 4 }, () => new DeviceSigner());
        const answers = await Promise.all(
          signers.map((signer) => browser.register(signer.registration(challenge), { cookie })),
        );
        expect(answers.map(({ status }) => status).sort()).toEqual([200, 403, 403, 403]);
        const winner = answers.findIndex(({ status }) => status === 200);
        for (const one of answers[winner]!.setCookies)
          await browser.jar.setCookie(one, url.replace('http:', 'https:'));
        clock.advance('11s');
        expect(await statusOf(browser)).toBe(200);
        const { challenge: next } = challengeIn(answers[winner]!);
        const loser = signers[(winner + 1) % 4]!;
        expect((await browser.ask(signers[winner]!.refresh(next))).status).toBe(200);
        const refused = await browser.ask(loser.refresh(browser.challenge));
        expect(refused.json()).toMatchObject({ continue: false });
      }
      expect(told('bound')).toHaveLength(5);
    });

    it('binds copies of the cookie from before it, too', async () => {
      const { browser, clock } = await run({ idle: '1h' });
      await browser.login();
      const copy = browser.cookie;
      await browser.register(browser.device.registration(registrationIn(browser.loggedIn).challenge));
      clock.advance('11s');
      expect(await statusOf(browser, copy)).toBe(401);
      // With the bound cookie it is as good as ever: a response that was under way may have set it last.
      clock.advance('5m');
      expect(await statusOf(browser, `${copy}; ${BOUND_COOKIE}=${browser.boundCookie}`)).toBe(200);
    });

    it('is listed, since when', async () => {
      const { browser, clock } = await run();
      await browser.login();
      clock.advance('2s');
      const at = new Date(clock.now()).toISOString();
      await browser.register(browser.device.registration(registrationIn(browser.loggedIn).challenge));
      clock.advance('1m');
      expect((await browser.get('/bound')).json()).toEqual({ since: at });
      const listed = (await browser.get('/devices')).json<{ boundAt?: string }[]>();
      expect(listed.map(({ boundAt }) => boundAt)).toEqual([at]);
    });
  });

  describe('refresh', () => {
    it('asks for a signature, and gives another cookie for it', async () => {
      const { browser, clock, told } = await run();
      await browser.bind();
      const first = browser.boundCookie;
      clock.advance('5m');
      const asked = await browser.ask(undefined, { cookie: browser.unbound });
      expect([asked.status, asked.setCookies.length, challengeIn(asked).id]).toEqual([
        403,
        0,
        browser.sessionId,
      ]);
      const proof = browser.device.refresh(challengeIn(asked).challenge);
      const answer = await browser.ask(proof, { cookie: browser.unbound });
      expect(answer.status).toBe(200);
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(answer.json()).toMatchObject({ session_identifier: browser.sessionId });
      for (const one of answer.setCookies)
        await browser.jar.setCookie(one, 'https://127.0.0.1', { ignoreError: true });
      expect(told('refreshed')).toHaveLength(1);
      const second = answer.setCookies[0]!.split(/[=;]/)[1];
      expect(second).not.toBe(first);
    });

    it('takes one round trip with the challenge that was sent ahead', async () => {
      const { browser, clock } = await run({ idle: '1h' });
      await browser.bind();
      for (let round = 0; round < 4; round++) {
        clock.advance('8m');
        expect((await browser.ask(browser.device.refresh(browser.challenge))).status).toBe(200);
        expect(await statusOf(browser)).toBe(200);
      }
    });

    it('honours each bound cookie until its own end', async () => {
      const { browser, clock } = await run({ idle: '1h' });
      await browser.bind();
      const first = browser.cookie;
      clock.advance('8m');
      await browser.refresh();
      clock.advance('2m');
      expect(await statusOf(browser, first)).toBe(200);
      clock.advance('31s');
      expect([await statusOf(browser, first), await statusOf(browser)]).toEqual([401, 200]);
    });

    it('makes a copy of all cookies worthless when its bound cookie is over, and the session goes on', async () => {
      const { browser, clock, told } = await run({ idle: '1h' });
      await browser.bind();
      const stolen = browser.cookie;
      expect(await statusOf(browser, stolen)).toBe(200);
      clock.advance(10 * MINUTE + 30_001);
      const refused = await browser.get('/me', { cookie: stolen });
      expect([refused.status, refused.setCookies]).toEqual([401, []]);
      expect(told('refused')).toMatchObject([{ reason: 'expired-cookie' }]);
      await browser.refresh();
      expect([await statusOf(browser), await statusOf(browser, stolen)]).toEqual([200, 401]);
    });

    it('accepts each challenge once', async () => {
      const { browser, told } = await run();
      await browser.bind();
      const { challenge } = challengeIn(await browser.ask());
      const proof = browser.device.refresh(challenge);
      expect((await browser.ask(proof)).status).toBe(200);
      const replayed = await browser.ask(proof);
      expect([replayed.status, replayed.setCookies]).toEqual([403, []]);
      expect(challengeIn(replayed).challenge).not.toBe(challenge);
      expect(told('refused')).toMatchObject([{ reason: 'challenge' }]);
      // A race, and not the end: the fresh challenge is as good as any.
      expect((await browser.ask(browser.device.refresh(browser.challenge))).status).toBe(200);
    });

    it('accepts a challenge once of many requests that bring it at once', async () => {
      const { browser } = await run();
      await browser.bind();
      const { challenge } = challengeIn(await browser.ask());
      const proof = browser.device.refresh(challenge);
      const cookie = browser.cookie;
      const answers = await Promise.all(Array.from({ length: 6 }, () => browser.ask(proof, { cookie })));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 403, 403, 403, 403, 403]);
    });

    it('accepts the challenge before the latest one', async () => {
      const { browser, clock } = await run();
      await browser.bind();
      const { challenge } = challengeIn(await browser.ask());
      clock.advance('1s');
      await browser.ask();
      expect((await browser.ask(browser.device.refresh(challenge))).status).toBe(200);
    });

    it('refuses a challenge that is too old, of another session, of the registration, or none of ours', async () => {
      const { url, browser, clock, told } = await run({ idle: '2h' });
      const other = new BindingBrowser(url);
      await other.bind();
      await browser.bind();
      const old = browser.challenge;
      const foreign = challengeIn(await other.ask()).challenge;
      const challenges = [foreign, registrationIn(browser.loggedIn).challenge, 'x'.repeat(75), ''];
      for (const challenge of challenges) await expectFreshChallenge(browser, challenge);
      clock.advance('25m');
      await expectFreshChallenge(browser, old);
      expect(told('refused').map((event) => 'reason' in event && event.reason)).toEqual(
        Array.from({ length: 5 }, () => 'challenge'),
      );
      expect((await browser.refresh()).status).toBe(200);
    });

    const expectFreshChallenge = async (browser: BindingBrowser, challenge: string): Promise<void> => {
      const answer = await browser.ask(browser.device.refresh(challenge));
      expect([challenge, answer.status, answer.setCookies]).toEqual([challenge, 403, []]);
      expect(challengeIn(answer).id).toBe(browser.sessionId);
    };

    const NOT_IN_ORDER: [string, string, (browser: BindingBrowser) => string][] = [
      ['a key that comes along', 'malformed', ({ device, challenge }) => device.registration(challenge)],
      [
        'another key that comes along, and signs',
        'malformed',
        ({ challenge }) => new DeviceSigner().registration(challenge),
      ],
      [
        'alg none',
        'algorithm',
        ({ device, challenge }) => device.refresh(challenge, { alg: 'none' }).replace(/[^.]+$/, ''),
      ],
      ['an HMAC', 'algorithm', ({ device, challenge }) => withHmac(device, challenge, {})],
      ['no JWT', 'malformed', () => 'x'],
      ['an empty text', 'malformed', () => '""'],
      [
        'an oversized JWT',
        'malformed',
        ({ device, challenge }) => device.refresh(challenge, { padding: 'x'.repeat(6_000) }),
      ],
      ['another type', 'malformed', ({ device, challenge }) => device.refresh(challenge, { typ: 'JWT' })],
      [
        'no challenge',
        'malformed',
        ({ device }) => device.sign({ header: { alg: 'ES256', typ: 'dbsc+jwt' }, payload: {} }),
      ],
    ];

    it('answers what is not in order with a fresh challenge, and ends nothing', async () => {
      const { browser, told } = await run();
      await browser.bind();
      for (const [what, reason, proof] of NOT_IN_ORDER) {
        const answer = await browser.ask(proof(browser));
        expect([what, answer.status, told('refused').at(-1)]).toMatchObject([what, 403, { reason }]);
        expect(answer.setCookies).toEqual([]);
        expect(challengeIn(answer).id).toBe(browser.sessionId);
      }
      expect((await browser.ask(browser.device.refresh(browser.challenge))).status).toBe(200);
    });

    it('ends the session for a signature by another key, as a reuse', async () => {
      const { browser, told } = await run();
      await browser.bind();
      const answer = await browser.ask(new DeviceSigner().refresh(browser.challenge));
      expect([answer.status, answer.json()]).toEqual([
        200,
        { session_identifier: browser.sessionId, continue: false },
      ]);
      expect(told('refused')).toMatchObject([{ reason: 'signature' }]);
      expect(told('reused')).toMatchObject([{ subject: 'alice', id: browser.sessionId }]);
      expect(told('ended')).toMatchObject([{ reason: 'reused', id: browser.sessionId }]);
      expect(await statusOf(browser)).toBe(401);
    });

    it('ends the session for the key of another session, too', async () => {
      const { url, browser } = await run();
      const other = new BindingBrowser(url);
      await other.bind({ user: 'bob' });
      await browser.bind();
      const answer = await browser.ask(other.device.refresh(browser.challenge));
      expect(answer.json()).toMatchObject({ continue: false });
      expect([await statusOf(browser), await statusOf(other)]).toEqual([401, 200]);
    });

    it('needs the header that only a browser itself can send', async () => {
      const { browser, told } = await run();
      await browser.bind();
      const proof = browser.device.refresh(browser.challenge);
      const answer = await browser.post(REFRESH_PATH, undefined, {
        headers: { 'secure-session-response': proof },
      });
      expect([answer.status, answer.setCookies, answer.headers['secure-session-challenge']]).toEqual([
        403,
        [],
        undefined,
      ]);
      // A page's script can send a wrong signature, and ends nothing by it.
      await browser.post(REFRESH_PATH, undefined, {
        headers: { 'secure-session-response': new DeviceSigner().refresh(browser.challenge) },
      });
      expect(told('refused')).toMatchObject([{ reason: 'no-session-id' }, { reason: 'no-session-id' }]);
      expect(await statusOf(browser)).toBe(200);
      expect((await browser.ask(proof)).status).toBe(200);
    });

    it('ends the device session of a session that is not this client’s, or not bound', async () => {
      const { url, browser } = await run();
      const other = new BindingBrowser(url);
      await other.bind();
      await browser.bind();
      for (const id of [other.sessionId, 'x', 'x'.repeat(22)]) {
        const answer = await browser.ask(browser.device.refresh(browser.challenge), {
          headers: { 'sec-secure-session-id': id },
        });
        expect([answer.status, answer.json()]).toEqual([200, { session_identifier: id, continue: false }]);
      }
      const unbound = new BindingBrowser(url);
      unbound.sessionId = (await unbound.login()).json<{ id: string }>().id;
      expect((await unbound.ask()).json()).toMatchObject({ continue: false });
      expect([await statusOf(browser), await statusOf(unbound)]).toEqual([200, 200]);
    });

    it('is no activity, and moves no login time', async () => {
      const { browser, clock, sessions } = await run();
      await browser.bind();
      const before = (await sessions.list('alice'))[0];
      for (let round = 0; round < 5; round++) {
        clock.advance('5m');
        expect((await browser.refresh()).status).toBe(200);
      }
      const after = (await sessions.list('alice'))[0];
      expect(after).toEqual({ ...before });
      expect((await browser.get('/sensitive')).status).toBe(401);
      const { browser: idle, clock: later } = await run();
      await idle.bind();
      for (let round = 0; round < 6; round++) {
        later.advance('5m');
        await idle.refresh();
      }
      expect(await statusOf(idle)).toBe(401);
    });

    it('grants nothing for a forged Secure-Session-Skipped, and keeps the cookie', async () => {
      const { browser, clock, told } = await run();
      await browser.bind();
      clock.advance('1m');
      for (const reason of ['quota_exceeded', 'unreachable', 'server_error', 'nonsense']) {
        const headers = { 'secure-session-skipped': `${reason};session_identifier="${browser.sessionId}"` };
        const answer = await browser.get('/me', { cookie: browser.unbound, headers });
        expect([answer.status, answer.setCookies]).toEqual([401, []]);
        const written = await browser.post('/data', { a: 1 }, { cookie: browser.unbound, headers });
        expect([written.status, written.setCookies]).toEqual([401, []]);
      }
      expect(told('skipped').map((event) => 'reason' in event && event.reason)).toEqual(
        ['quota_exceeded', 'unreachable', 'server_error', 'other'].flatMap((reason) => [reason, reason]),
      );
      expect(await statusOf(browser)).toBe(200);
    });
  });

  describe('the bound cookie', () => {
    it('of another session opens nothing, nor one that was altered', async () => {
      const { url, browser, clock, told } = await run();
      const other = new BindingBrowser(url);
      await other.bind();
      await browser.bind();
      clock.advance('1m');
      const bound = browser.boundCookie!;
      const [until, tag] = bound.split('.') as [string, string];
      const forged = [
        other.boundCookie!,
        `zzzzzzzzz.${tag}`,
        `${until}.${'A'.repeat(43)}`,
        bound.slice(1),
        `${bound}x`,
        '',
        'x'.repeat(4_000),
      ];
      for (const value of forged)
        expect([value, await statusOf(browser, `${browser.unbound}; ${BOUND_COOKIE}=${value}`)]).toEqual([
          value,
          401,
        ]);
      expect(told('refused').every((event) => 'reason' in event && event.reason === 'wrong-cookie')).toBe(
        true,
      );
      // Whichever of several is sent first, the one that is good counts.
      for (const pair of [
        [bound, other.boundCookie!],
        [other.boundCookie!, bound],
      ]) {
        const cookies = pair.map((value) => `${BOUND_COOKIE}=${value}`).join('; ');
        expect(await statusOf(browser, `${browser.unbound}; ${cookies}`)).toBe(200);
      }
    });

    it('is no session cookie, and a session cookie is none', async () => {
      const { browser, clock } = await run();
      await browser.bind();
      clock.advance('1m');
      const session = browser.unbound.split('=')[1]!;
      expect(await statusOf(browser, `__Host-session=${browser.boundCookie}`)).toBe(401);
      expect(await statusOf(browser, `${browser.unbound}; ${BOUND_COOKIE}=${session}`)).toBe(401);
    });
  });

  describe('among the rest', () => {
    it('stays through roll, rotation, re-login and regenerate', async () => {
      const { browser, clock, told } = await run({ rotateEvery: '2m', idle: '1h' });
      await browser.bind();
      const steps: (() => Promise<Answer>)[] = [
        () => browser.get('/me'),
        () => browser.get('/me'),
        () => browser.post('/relogin', {}),
        () => browser.post('/regenerate', {}),
        () => browser.post('/data', { a: 1 }),
      ];
      for (const step of steps) {
        clock.advance('3m');
        expect((await step()).status).toBe(200);
        expect((await browser.refresh()).status).toBe(200);
        expect([await statusOf(browser), await statusOf(browser, browser.unbound)]).toEqual([200, 401]);
      }
      expect(told('rotated').length).toBeGreaterThan(2);
      expect(told('bound')).toHaveLength(1);
    });

    it('holds for persistent sessions', async () => {
      const { browser, clock } = await run();
      await browser.bind({ user: 'alice', remember: true });
      clock.advance('20d');
      expect(await statusOf(browser)).toBe(401);
      expect((await browser.refresh()).status).toBe(200);
      expect(await statusOf(browser)).toBe(200);
    });

    it('ends with a logout: the cookie is taken away, and the device session at its next refresh', async () => {
      const { browser, told } = await run();
      await browser.bind();
      const proof = browser.device.refresh(browser.challenge);
      const cookie = browser.cookie;
      const answer = await browser.post('/logout');
      expect(answer.setCookies.map((one) => one.split('=')[0]).sort()).toEqual([
        '__Host-session',
        BOUND_COOKIE,
      ]);
      expect(browser.cookie).toBe('');
      for (const ask of [{}, { cookie }]) {
        const refreshed = await browser.ask(proof, ask);
        expect(refreshed.json()).toEqual({ session_identifier: browser.sessionId, continue: false });
        expect(refreshed.setCookies.filter((one) => !one.includes('Max-Age=0'))).toEqual([]);
      }
      expect(told('refreshed')).toEqual([]);
    });

    it('can be logged out without the bound cookie, and only here', async () => {
      const { browser, url, clock, told } = await run();
      const other = new BindingBrowser(url);
      await other.login();
      await browser.bind();
      clock.advance('1m');
      expect((await browser.post('/logout-everywhere', {}, { cookie: browser.unbound })).status).toBe(401);
      expect(told('ended')).toMatchObject([{ reason: 'logout', id: browser.sessionId }]);
      expect([await statusOf(browser), await statusOf(other)]).toEqual([401, 200]);
    });

    it('ends with a revocation, of one and of all', async () => {
      const { browser, url, sessions } = await run();
      const other = new BindingBrowser(url);
      await browser.bind();
      await other.bind();
      expect(await sessions.revoke(browser.sessionId)).toBe(1);
      await sessions.revokeAll('alice');
      for (const one of [browser, other]) {
        const answer = await one.ask(one.device.refresh(one.challenge));
        expect(answer.json()).toMatchObject({ continue: false });
        expect(await statusOf(one)).toBe(401);
      }
    });

    it('ends where a login exceeds maxSessions', async () => {
      const { browser, url } = await run({ maxSessions: 1 });
      await browser.bind();
      await new BindingBrowser(url).bind();
      expect((await browser.ask(browser.device.refresh(browser.challenge))).json()).toMatchObject({
        continue: false,
      });
    });

    it('begins anew with the next login, and ends for the session before it', async () => {
      const { browser, clock } = await run();
      await browser.bind();
      const before = browser.sessionId;
      await browser.bind({ user: 'bob' });
      expect(browser.sessionId).not.toBe(before);
      clock.advance('1m');
      expect((await browser.get('/me')).json()).toEqual({ subject: 'bob' });
      const answer = await browser.ask(undefined, { headers: { 'sec-secure-session-id': before } });
      expect(answer.json()).toEqual({ session_identifier: before, continue: false });
      expect((await browser.refresh()).status).toBe(200);
    });

    it('leaves browsers without the feature an ordinary session', async () => {
      const { browser, clock } = await run();
      await browser.login();
      clock.advance('20m');
      expect(await statusOf(browser)).toBe(200);
      expect((await browser.get('/vault')).status).toBe(403);
    });
  });
}

const headerOf = ({ publicJwk }: DeviceSigner) => ({ alg: 'ES256', typ: 'dbsc+jwt', jwk: publicJwk });

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A server that takes the public key for the secret of an HMAC would accept it. */
function withHmac(device: DeviceSigner, challenge: string, also: object = { jwk: device.publicJwk }): string {
  const text = `${part({ alg: 'HS256', typ: 'dbsc+jwt', ...also })}.${part({ jti: challenge })}`;
  const key = JSON.stringify(device.publicJwk);
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

export function withRsa(challenge: string, modulusLength = 2048): string {
  const { publicKey, privateKey } = rsaKeyPair(modulusLength);
  const header = { alg: 'RS256', typ: 'dbsc+jwt', jwk: publicKey.export({ format: 'jwk' }) };
  const text = `${part(header)}.${part({ jti: challenge })}`;
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
}
