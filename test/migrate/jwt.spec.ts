import { createHmac, createSign, createVerify } from 'node:crypto';
import { MemoryStore, SessionService, type SessionEvent } from 'nest-sessions';
import { fromJwt, type JwtClaims, type JwtOptions } from 'nest-sessions/migrate';
import { AppController } from '../support/app.js';
import { send } from '../support/browser.js';
import { ecKeyPair } from '../support/key-pair.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';
import { Visitor } from './visitor.js';

afterEach(closeAll);

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const signature = (text: string): string =>
  createHmac('sha256', 'the key of the tokens').update(text).digest('base64url');

/** A token of JWS (RFC 7515), signed with HS256. */
function tokenOf(claims: object): string {
  const text = `${encoded({ alg: 'HS256' })}.${encoded(claims)}`;
  return `${text}.${signature(text)}`;
}

/** As the library of an application verifies it: throws for what is not genuine. */
async function verify(token: string): Promise<JwtClaims> {
  const [head, claims, mac] = token.split('.');
  if (signature(`${head}.${claims}`) !== mac) throw new Error('invalid signature');
  return JSON.parse(Buffer.from(claims!, 'base64url').toString()) as JwtClaims;
}

/** As most libraries: the signature is decoded without looking at unused bits, and each one is another (ES256). */
const ecdsa = {
  keys: ecKeyPair(),
  sign: (text: string): string => {
    const key = { key: ecdsa.keys.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    return `${text}.${createSign('sha256').update(text).sign(key).toString('base64url')}`;
  },
  verify: async (token: string): Promise<JwtClaims> => {
    const [head, claims, mac] = token.split('.');
    const key = { key: ecdsa.keys.publicKey, dsaEncoding: 'ieee-p1363' } as const;
    const verifier = createVerify('sha256').update(`${head}.${claims}`);
    if (!verifier.verify(key, Buffer.from(mac!, 'base64url'))) throw new Error('invalid signature');
    return JSON.parse(Buffer.from(claims!, 'base64url').toString()) as JwtClaims;
  },
};

/** The last of the 86 characters of a signature has four bits that stand for nothing. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const neighbour = (token: string): string => ALPHABET[ALPHABET.indexOf(token.at(-1)!) ^ 1]!;

describe.each(platforms)('a token that is traded for a session on %s', (platform: PlatformName) => {
  async function open(options: Partial<JwtOptions<JwtClaims>> = {}) {
    const store = new MemoryStore();
    const running = await start(platform, {
      controllers: [AppController],
      options: { store, migrate: [fromJwt({ verify, ...options })] },
    });
    const events: SessionEvent[] = [];
    running.app.get(SessionService).events.subscribe((event) => events.push(event));
    const seconds = running.clock.now() / 1000;
    const claims = { sub: 'alice', jti: 'a token', iat: seconds, exp: seconds + 3600 };
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    return { ...running, events, claims, bearer };
  }

  it('logs in once, and a copy does not after the logout', async () => {
    const { claims, bearer, events, ...node } = await open();
    const headers = bearer(tokenOf(claims));
    const visitor = new Visitor();
    expect((await visitor.get(node, '/me', headers)).status).toBe(200);
    expect((await visitor.get(node, '/me')).status).toBe(200);
    expect(events.filter(({ type }) => type === 'migrated')).toMatchObject([
      { source: 'jwt', subject: 'alice' },
    ]);
    await visitor.post(node, '/logout', undefined, headers);
    expect((await visitor.get(node, '/me', headers)).status).toBe(401);
    const reissued = bearer(tokenOf({ ...claims, iat: claims.iat + 1 }));
    expect((await visitor.get(node, '/me', reissued)).status).toBe(401);
    const another = bearer(tokenOf({ ...claims, jti: 'another token' }));
    expect((await visitor.get(node, '/me', another)).status).toBe(200);
  });

  it.each([
    ['padding', (token: string) => `${token}=`],
    ['other unused bits', (token: string) => token.slice(0, -1) + neighbour(token)],
    ['another signature', (token: string) => ecdsa.sign(token.slice(0, token.lastIndexOf('.')))],
  ])('knows a token without an id again by what is signed: with %s', async (_, altered) => {
    const { claims, bearer, ...node } = await open({ verify: ecdsa.verify });
    const { sub, exp } = claims;
    const token = ecdsa.sign(`${encoded({ alg: 'ES256' })}.${encoded({ sub, exp })}`);
    const visitor = new Visitor();
    expect((await visitor.get(node, '/me', bearer(token))).status).toBe(200);
    await visitor.post(node, '/logout');
    const copy = altered(token);
    expect(copy).not.toBe(token);
    await expect(ecdsa.verify(copy)).resolves.toMatchObject({ sub });
    expect((await new Visitor().get(node, '/me', bearer(copy))).status).toBe(401);
  });

  it('knows an encrypted token without an id again by its octets', async () => {
    const opened = { alice: 'e30.QUJD.QUJE.QUJF.QQ', bob: 'e30.QUJD.QUJE.QUJG.QQ' };
    const octets = (token: string) => token.split('.').map((part) => Buffer.from(part, 'base64').toString());
    const { claims, bearer, ...node } = await open({
      verify: (token) => {
        const found = Object.entries(opened).find(([, one]) => String(octets(one)) === String(octets(token)));
        return found && { sub: found[0], exp: claims.exp };
      },
    });
    const visitor = new Visitor();
    expect((await visitor.get(node, '/me', bearer(opened.alice))).status).toBe(200);
    await visitor.post(node, '/logout');
    const copy = bearer(opened.alice.replace(/QQ$/, 'QR'));
    expect((await new Visitor().get(node, '/me', copy)).status).toBe(401);
    expect((await new Visitor().get(node, '/me', bearer(opened.bob))).status).toBe(200);
  });

  it('does not take a token that was issued just now for a login', async () => {
    const { claims, bearer, ...node } = await open();
    const visitor = new Visitor();
    expect((await visitor.get(node, '/sensitive', bearer(tokenOf(claims)))).status).toBe(401);
    expect((await visitor.get(node, '/me')).status).toBe(200);
    const proved = new Visitor();
    const withTime = { ...claims, jti: 'with a time', auth_time: claims.iat - 60 };
    expect((await proved.get(node, '/sensitive', bearer(tokenOf(withTime)))).status).toBe(200);
    node.clock.advance('5m');
    expect((await proved.get(node, '/sensitive')).status).toBe(401);
  });

  it('refuses what is forged, has expired, never expires, or names nobody', async () => {
    const { claims, bearer, ...node } = await open();
    const { exp, sub, ...rest } = claims;
    const genuine = tokenOf(claims);
    for (const token of [
      `${genuine.slice(0, -1)}${genuine.endsWith('A') ? 'B' : 'A'}`,
      tokenOf({ ...claims, exp: claims.iat - 1 }),
      tokenOf({ ...rest, sub }),
      tokenOf({ ...rest, exp }),
      'nothing of the kind',
    ])
      expect((await new Visitor().get(node, '/me', bearer(token))).status).toBe(401);
    expect((await new Visitor().get(node, '/me', bearer(genuine))).status).toBe(200);
  });

  it('trades one that never expires where there is an end', async () => {
    const { claims, bearer, ...node } = await open({ until: Date.UTC(2031, 0, 1) });
    const { exp: _, ...rest } = claims;
    expect((await new Visitor().get(node, '/me', bearer(tokenOf(rest)))).status).toBe(200);
    const later = tokenOf({ ...rest, jti: 'later' });
    node.clock.advance('366d');
    expect((await new Visitor().get(node, '/me', bearer(later))).status).toBe(401);
  });

  it('trades a refresh token in a cookie, revokes it and takes it away', async () => {
    const revoked: string[] = [];
    const { claims, url } = await open({
      cookieName: 'refresh',
      revoke: ({ jti }) => revoked.push(jti!),
      subject: ({ sub }) => `user:${sub}`,
      data: () => ({ cart: ['apple'] }),
    });
    const cookie = `refresh=${tokenOf(claims)}`;
    const look = await send(`${url}/look`, 'GET', { cookie });
    expect(look.json()).toMatchObject({ subject: 'user:alice', data: { cart: ['apple'] } });
    expect(revoked).toEqual(['a token']);
    expect(look.setCookies.find((one) => one.startsWith('refresh='))).toMatch(/^refresh=; Max-Age=0/);
  });

  it('trades a token without an id once, however its signature is spelt', async () => {
    const lax = (token: string) => verify(token.replace(/~+$/, ''));
    const { claims, bearer, ...node } = await open({ verify: lax });
    const { jti: _, ...rest } = claims;
    const token = tokenOf(rest);
    const visitor = new Visitor();
    expect((await visitor.get(node, '/me', bearer(token))).status).toBe(200);
    await visitor.post(node, '/logout');
    expect((await new Visitor().get(node, '/me', bearer(`${token}~`))).status).toBe(401);
  });

  it('does not take tokens of another form for one another', async () => {
    const opaque = (token: string) =>
      Promise.resolve({ sub: token.split('.')[2]!, exp: 4_102_444_800 } as JwtClaims);
    const { bearer, ...node } = await open({ verify: opaque });
    for (const user of ['alice', 'bob']) {
      const look = await new Visitor().get(node, '/look', bearer(`v4.public.${user}`));
      expect(look.json()).toMatchObject({ subject: user });
    }
  });

  it('trades only the requests that are named', async () => {
    const { claims, bearer, ...node } = await open({ when: ({ url }) => url === '/look' });
    const headers = bearer(tokenOf(claims));
    expect((await new Visitor().get(node, '/me', headers)).status).toBe(401);
    expect((await new Visitor().get(node, '/look', headers)).json()).toMatchObject({ subject: 'alice' });
  });
});
