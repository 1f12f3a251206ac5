import { createHmac, sign as signWith } from 'node:crypto';
import { MemoryStore, type SessionModuleOptions } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { challengeIn, DeviceSigner, registrationIn } from '../../support/device.js';
import { ecKeyPair, rsaKeyPair } from '../../support/key-pair.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';
import { startBound } from './device.app.js';

afterEach(closeAll);

const part = (value: unknown): string =>
  Buffer.from(Buffer.isBuffer(value) || typeof value === 'string' ? value : JSON.stringify(value)).toString(
    'base64url',
  );

/** Signs exactly these octets as header and payload. */
type Sign = (header: unknown, payload: unknown) => string;

interface Given {
  challenge: string;
  sign: Sign;
  /** What the header of a proof in order has: with a registration the key. */
  header: Record<string, unknown>;
  jwk: Record<string, unknown>;
}

/** Proofs of which none is in order, whatever signs them: for a registration, and for a refresh. */
const CRAFTED: [string, (given: Given) => string][] = [
  ...[0, null, true, [], ['x'], {}, { toString: 'x' }].map((jti): [string, (given: Given) => string] => [
    `jti ${JSON.stringify(jti)}`,
    ({ sign, header }) => sign(header, { jti }),
  ]),
  ['jti __proto__', ({ sign, header }) => sign(header, { jti: '__proto__' })],
  [
    'jti in the prototype',
    ({ sign, header, challenge }) => sign(header, `{"__proto__":{"jti":"${challenge}"}}`),
  ],
  ['jti in a list', ({ sign, header, challenge }) => sign(header, [{ jti: challenge }])],
  ['jti in the header', ({ sign, header, challenge }) => sign({ ...header, jti: challenge }, {})],
  ['the challenge as the payload', ({ sign, header, challenge }) => sign(header, JSON.stringify(challenge))],
  [
    'two challenges, the last one wrong',
    ({ sign, header, challenge }) => sign(header, `{"jti":"${challenge}","jti":"x"}`),
  ],
  ['a payload of null', ({ sign, header }) => sign(header, 'null')],
  [
    'a payload that is not UTF-8',
    ({ sign, header }) => sign(header, Buffer.from('7b226a7469223a22ff22', 'hex')),
  ],
  ['a challenge with a line break', ({ sign, header, challenge }) => sign(header, { jti: `${challenge}\n` })],
  [
    'a challenge in upper case',
    ({ sign, header, challenge }) => sign(header, { jti: challenge.toUpperCase() + '-' }),
  ],
  ['a long challenge', ({ sign, header }) => sign(header, { jti: 'x'.repeat(2_000) })],
  ['a nested JWT', ({ sign, header, challenge }) => sign(header, sign(header, { jti: challenge }))],
  [
    'a detached payload',
    ({ sign, header, challenge }) => sign(header, { jti: challenge }).replace(/\.[^.]+\./, '..'),
  ],
  [
    'a payload that is not encoded',
    ({ sign, header }) => sign({ ...header, b64: false, crit: ['b64'] }, '123'),
  ],
  [
    'an empty list of critical extensions',
    ({ sign, header, challenge }) => sign({ ...header, crit: [] }, { jti: challenge }),
  ],
  [
    'b64 without being critical',
    ({ sign, header, challenge }) => sign({ ...header, b64: 'no', crit: ['b64'] }, { jti: challenge }),
  ],
  [
    'a type in capitals',
    ({ sign, header, challenge }) => sign({ ...header, typ: 'DBSC+JWT' }, { jti: challenge }),
  ],
  [
    'a list of types',
    ({ sign, header, challenge }) => sign({ ...header, typ: ['dbsc+jwt'] }, { jti: challenge }),
  ],
  [
    'a list of algorithms',
    ({ sign, header, challenge }) => sign({ ...header, alg: ['ES256'] }, { jti: challenge }),
  ],
  ...['none', 'None', 'nOnE', 'ES384', 'ES512', 'ES256K', 'PS256', 'EdDSA', 'HS512', 'constructor', ''].map(
    (alg): [string, (given: Given) => string] => [
      `alg ${alg}`,
      ({ sign, header, challenge }) => sign({ ...header, alg }, { jti: challenge }),
    ],
  ),
  [
    'the last of two algorithms',
    ({ sign, header, challenge }) =>
      sign(JSON.stringify(header).replace('"alg":"ES256"', '"alg":"ES256","alg":"none"'), { jti: challenge }),
  ],
  [
    'an HMAC with the x of the key',
    ({ header, challenge, jwk }) => hmac({ ...header, alg: 'HS256' }, challenge, String(jwk['x'])),
  ],
  [
    'an HMAC that says ES256',
    ({ header, challenge, jwk }) =>
      `${hmac(header, challenge, JSON.stringify(jwk)).split('.').slice(0, 2).join('.')}.`,
  ],
  ['a header of null', ({ sign, challenge }) => sign('null', { jti: challenge })],
  ['a header that is a list', ({ sign, challenge }) => sign([], { jti: challenge })],
  [
    'a deep header',
    ({ sign, challenge }) => sign(`${'['.repeat(1_400)}${']'.repeat(1_400)}`, { jti: challenge }),
  ],
  [
    'a header that is not UTF-8',
    ({ sign, challenge }) => sign(Buffer.from('7b22ff227d', 'hex'), { jti: challenge }),
  ],
  ['12 kB', ({ sign, header, challenge }) => sign({ ...header, x: 'x'.repeat(9_000) }, { jti: challenge })],
  [
    'a list of two proofs',
    ({ sign, header, challenge }) => [1, 2].map(() => sign(header, { jti: challenge })).join(', '),
  ],
  ['a proof with parameters', ({ sign, header, challenge }) => `"${sign(header, { jti: challenge })}";x=1`],
  [
    'a proof with escapes',
    ({ sign, header, challenge }) => `"${sign(header, { jti: challenge }).replace('.', '\\.')}"`,
  ],
  ['half a pair of quotes', ({ sign, header, challenge }) => `"${sign(header, { jti: challenge })}`],
  ['octets of a structured field', ({ sign, header, challenge }) => `:${sign(header, { jti: challenge })}:`],
  ['padding', ({ sign, header, challenge }) => sign(header, { jti: challenge }).replace('.', '=.')],
  ['standard base64', ({ sign, header, challenge }) => `${sign(header, { jti: challenge })}+/`],
];

/** Keys that are none, and members that no key may have. */
const KEYS: [string, (jwk: Record<string, unknown>) => unknown][] = [
  ['null', () => null],
  ['a text', (jwk) => JSON.stringify(jwk)],
  ['a list', (jwk) => [jwk]],
  ['members in the prototype', (jwk) => ({ constructor: jwk })],
  ['no curve', ({ kty, x, y }) => ({ kty, x, y })],
  ['P-384 by name', (jwk) => ({ ...jwk, crv: 'P-384' })],
  ['an OKP', (jwk) => ({ ...jwk, kty: 'OKP', crv: 'Ed25519' })],
  ['a secret', ({ x }) => ({ kty: 'oct', k: x })],
  ['zero', (jwk) => ({ ...jwk, x: 'A'.repeat(43), y: 'A'.repeat(43) })],
  ['coordinates above the field', (jwk) => ({ ...jwk, x: `${'_'.repeat(42)}8`, y: `${'_'.repeat(42)}8` })],
  ['numbers', (jwk) => ({ ...jwk, x: 1, y: 2 })],
  ['33 octets', (jwk) => ({ ...jwk, x: `AA${String(jwk['x'])}` })],
  ['swapped coordinates', (jwk) => ({ ...jwk, x: jwk['y'], y: jwk['x'] })],
];

function hmac(header: unknown, challenge: string, key: string): string {
  const text = `${part(header)}.${part({ jti: challenge })}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

/** A key as {@link DeviceSigner} has it, that signs any octets. */
function signer(first?: (jwk: Record<string, unknown>) => boolean) {
  for (;;) {
    const { publicKey, privateKey } = ecKeyPair();
    const jwk = publicKey.export({ format: 'jwk' }) as Record<string, unknown>;
    if (first && !first(jwk)) continue;
    const sign: Sign = (header, payload) => {
      const text = `${part(header)}.${part(payload)}`;
      const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
      return `${text}.${signWith('sha256', Buffer.from(text), key).toString('base64url')}`;
    };
    return { jwk, sign, secret: privateKey.export({ format: 'jwk' }).d };
  }
}

const REGISTRATION = (jwk: unknown) => ({ alg: 'ES256', typ: 'dbsc+jwt', jwk });
const REFRESH = { alg: 'ES256', typ: 'dbsc+jwt' };

const stores: [string, () => SessionModuleOptions['store']][] = [
  ['memory', () => new MemoryStore()],
  ['sealed cookies', () => new SealedCookie({ revocations: new MemoryRevocations() })],
];

describe.each(platforms)('crafted proofs on %s', (platform) => {
  describe.each(stores)('over %s', (_, make) => {
    it('bind nothing, and take nothing from the browser that registers after them', async () => {
      const { browser, clock, told } = await startBound(platform, { store: make() });
      const { challenge } = registrationIn(await browser.login());
      const { jwk, sign } = signer();
      const header = REGISTRATION(jwk);
      const proofs = CRAFTED.map(([what, craft]) => [what, craft({ challenge, sign, header, jwk })] as const);
      const keys = KEYS.map(
        ([what, craft]) => [`key: ${what}`, sign(REGISTRATION(craft(jwk)), { jti: challenge })] as const,
      );
      for (const [what, proof] of [...proofs, ...keys]) {
        const answer = await browser.register(proof);
        expect([what, answer.status, answer.setCookies]).toEqual([what, 403, []]);
      }
      expect(told('bound')).toEqual([]);
      expect(told('refused')).toHaveLength(CRAFTED.length + KEYS.length);
      expect((await browser.register(browser.device.registration(challenge))).status).toBe(200);
      clock.advance('1m');
      expect((await browser.get('/me')).status).toBe(200);
    });

    it('refresh nothing, although the key of the session signs them, and end nothing', async () => {
      const { browser, told } = await startBound(platform, { store: make() });
      const { challenge: first } = registrationIn(await browser.login());
      const { jwk, sign } = signer();
      await browser.register(sign(REGISTRATION(jwk), { jti: first }));
      for (const [what, craft] of CRAFTED) {
        // Its signature is none, which ends the session.
        if (what === 'an HMAC that says ES256') continue;
        const { challenge } = challengeIn(await browser.ask());
        const answer = await browser.ask(craft({ challenge, sign, header: REFRESH, jwk }));
        expect([what, answer.status, answer.setCookies]).toEqual([what, 403, []]);
        expect(challengeIn(answer).id).toBe(browser.sessionId);
      }
      expect([told('refreshed'), told('reused'), told('ended')]).toEqual([[], [], []]);
      expect((await browser.ask(sign(REFRESH, { jti: browser.challenge }))).status).toBe(200);
    });
  });

  it('sent twice are none, and neither is an id', async () => {
    const { browser, told } = await startBound(platform);
    await browser.bind();
    const proof = browser.device.refresh(browser.challenge);
    const twice = await browser.ask(undefined, { headers: { 'secure-session-response': [proof, proof] } });
    expect([twice.status, twice.setCookies, challengeIn(twice).id]).toEqual([403, [], browser.sessionId]);
    const ids = await browser.ask(proof, {
      headers: { 'sec-secure-session-id': [browser.sessionId, browser.sessionId] },
    });
    expect([ids.status, ids.setCookies]).toEqual([200, []]);
    expect(ids.json()).toMatchObject({ continue: false });
    expect(told('refreshed')).toEqual([]);
    expect((await browser.ask(browser.device.refresh(browser.challenge))).status).toBe(200);
  });

  it('leave nothing of a private key in the record', async () => {
    const store = new SpyStore();
    const { browser } = await startBound(platform, { store });
    const { challenge } = registrationIn(await browser.login());
    const { jwk, sign, secret } = signer();
    const proof = sign(REGISTRATION({ ...jwk, d: secret, kid: 'key of the client', oth: ['x'] }), {
      jti: challenge,
    });
    expect((await browser.register(proof)).status).toBe(200);
    expect(store.dump()).toContain(String(jwk['x']));
    expect(store.dump()).not.toContain(secret);
    expect(store.dump()).not.toContain('key of the client');
  });

  it('may be of a key whose coordinates begin with zeros, and have claims that nobody asked for', async () => {
    const { browser, clock } = await startBound(platform);
    const { challenge } = registrationIn(await browser.login());
    const { jwk, sign } = signer(({ x, y }) => [x, y].some((text) => /^A[A-P]/.test(String(text))));
    expect((await browser.register(sign(REGISTRATION(jwk), { jti: challenge }))).status).toBe(200);
    clock.advance('8m');
    const next = sign(REFRESH, { jti: browser.challenge, iat: 9e15, exp: 1, aud: 'x', nbf: 'x' });
    expect((await browser.ask(next)).status).toBe(200);
  });

  it('of RSA keys that are none bind nothing', async () => {
    const { browser } = await startBound(platform, { deviceBound: { algorithms: ['RS256', 'ES256'] } });
    const { challenge } = registrationIn(await browser.login());
    const { publicKey, privateKey } = rsaKeyPair();
    const jwk = publicKey.export({ format: 'jwk' });
    const sign = (key: unknown, alg = 'RS256'): string => {
      const text = `${part({ alg, typ: 'dbsc+jwt', jwk: key })}.${part({ jti: challenge })}`;
      return `${text}.${signWith('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
    };
    const keys: unknown[] = [
      { ...jwk, n: 'A'.repeat(342) },
      { ...jwk, n: '_'.repeat(342) },
      { ...jwk, n: '_'.repeat(700) },
      { ...jwk, e: 'AA' },
      { ...jwk, e: 'AQ' },
      { ...jwk, e: '_____w' },
      { ...jwk, e: '' },
      { ...jwk, kty: 'EC' },
      { kty: 'RSA' },
    ];
    for (const key of keys) {
      const answer = await browser.register(sign(key));
      expect([key, answer.status, answer.setCookies]).toEqual([key, 403, []]);
    }
    for (const alg of ['PS256', 'RS384', 'RS512', 'RSA1_5', 'HS256', 'ES256'])
      expect([alg, (await browser.register(sign(jwk, alg))).status]).toEqual([alg, 403]);
    expect(
      (await browser.register(new DeviceSigner('P-384').registration(challenge, { alg: 'RS256' }))).status,
    ).toBe(403);
    expect((await browser.register(sign(jwk))).status).toBe(200);
    // A signature by the other algorithm is not even one by another key.
    const other = new DeviceSigner().refresh(browser.challenge);
    expect(challengeIn(await browser.ask(other)).id).toBe(browser.sessionId);
  });
});
