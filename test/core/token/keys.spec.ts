import { createSecretKey, hkdfSync } from 'node:crypto';
import { Body, Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import cookieParser from 'cookie-parser';
import { sign, unsign } from 'cookie-signature';
import type { Request, Response } from 'express';
import { cookieKeys, MemoryStore, SessionService, type SessionEvent } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { successorOf, TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { TokenVerifier } from '../../../lib/core/token/token-verifier.js';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, SECRET, start } from '../../support/platforms.js';
import { COOKIE, legacyCookie, signedCookie, tokenOf } from '../../support/tokens.js';

afterEach(closeAll);

const OTHER = 'another-one-of-32-bytes-or-more-0123456789';
const OWN = 'a secret of the application itself';
const TOKEN = `${'I'.repeat(22)}.${'S'.repeat(43)}`;

/** Keeps a text of the visitor's in a signed cookie, as applications do. */
@Controller()
class ThemeController {
  @Post('theme')
  @HttpCode(200)
  keep(@Body() body: { theme: string }, @Res({ passthrough: true }) response: Response) {
    response.cookie('theme', body.theme, { signed: true });
    return { ok: true };
  }

  @Get('signed')
  signed(@Req() request: Request) {
    return request.signedCookies as Record<string, unknown>;
  }
}

async function withParser(secrets: string | string[]) {
  const running = await start('express', {
    controllers: [AppController, ThemeController],
    prepare: (app) => void app.use(cookieParser(secrets)),
  });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  const alice = new Browser(running.url);
  await alice.post('/login', { user: 'alice' });
  events.length = 0;
  return { ...running, alice, events, mallory: new Browser(running.url) };
}

type App = Awaited<ReturnType<typeof withParser>>;

/** Has the application sign a token of Alice's id with an invented secret, and presents it as the session cookie. */
async function forge({ alice, mallory }: App) {
  const forged = `${tokenOf(alice.cookie).id}.${'S'.repeat(43)}`;
  const answer = await mallory.post('/theme', { theme: forged });
  const signed = answer.setCookies.find((one) => one.startsWith('theme='));
  const cookie = signed && `${COOKIE}=${signed.slice('theme='.length).split(';', 1)[0]!}`;
  return { answer, status: cookie && (await mallory.get('/me', { cookie })).status };
}

describe('the keys', () => {
  it('are derived by HKDF-SHA256 from secret, purpose and name of the cookie', () => {
    const expected = hkdfSync('sha256', SECRET, '', 'nest-sessions/sign/__Host-session', 32);
    expect(cookieKeys(SECRET)).toEqual([Buffer.from(expected).toString('base64url')]);
  });

  it('differ by secret, purpose and name, and none is the secret', () => {
    const all = ['a', 'b'].flatMap((name) => {
      const signer = new Signer([SECRET, OTHER], name, TOKEN_LENGTH);
      return (['sign', 'successor', 'notice'] as const).flatMap((purpose) =>
        signer.derived(purpose).map((key) => key.export().toString('hex')),
      );
    });
    expect(new Set([...all, ...[SECRET, OTHER].map((text) => Buffer.from(text).toString('hex'))]).size).toBe(
      14,
    );
  });

  it('are texts of 256 bits for cookie-signature, that of the newest secret first', () => {
    const keys = cookieKeys([SECRET, OTHER], 'sid');
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(Buffer.from(key, 'base64url')).toHaveLength(32);
    const signed = new Signer([SECRET], 'sid', TOKEN_LENGTH).sign(TOKEN);
    expect(unsign(signed.slice(2), keys[0]!)).toBe(TOKEN);
    expect(unsign(signed.slice(2), keys[1]!)).toBe(false);
    expect(cookieKeys(OTHER, 'sid')).toEqual(keys.slice(1));
  });

  it.each([[undefined], [''], [[]], [[SECRET, '']], [[SECRET, undefined]]])(
    'need a secret, not %j',
    (secret) => {
      expect(() => cookieKeys(secret as string)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
    },
  );
});

class CountingSigner extends Signer {
  count = 0;

  override verifies(...args: Parameters<Signer['verifies']>) {
    this.count++;
    return super.verifies(...args);
  }
}

describe('a signature', () => {
  const signer = new Signer([SECRET, OTHER], COOKIE, TOKEN_LENGTH);
  const formOf = (cookie: string, by = signer) =>
    new TokenVerifier(by).verify(cookie.slice(COOKIE.length + 1))?.form;

  it.each([
    ['the newest secret', SECRET],
    ['an older secret', OTHER],
  ])('by the key derived from %s is current, by the secret itself legacy', (_, secret) => {
    expect(formOf(signedCookie(TOKEN, secret))).toBe('current');
    expect(formOf(legacyCookie(TOKEN, secret))).toBe('legacy');
  });

  it('is good for one name of the cookie', () => {
    const elsewhere = new Signer([SECRET], 'other', TOKEN_LENGTH);
    expect(formOf(signedCookie(TOKEN), elsewhere)).toBeUndefined();
  });

  it('is of the same form when it is recognised without being computed again', () => {
    const counting = new CountingSigner([SECRET], COOKIE, TOKEN_LENGTH);
    const verifier = new TokenVerifier(counting);
    const values = [signedCookie(TOKEN), legacyCookie(TOKEN)].map((one) => one.slice(COOKIE.length + 1));
    for (const [i, form] of (['current', 'legacy'] as const).entries()) {
      counting.count = 0;
      for (let n = 0; n < 3; n++) expect(verifier.verify(values[i]!)?.form).toBe(form);
      expect(counting.count).toBe(1);
    }
  });

  it('is made anew for the token that a request with a legacy one is given', () => {
    expect(formOf(`${COOKIE}=${signer.sign(TOKEN)}`)).toBe('current');
  });
});

describe('successors', () => {
  const [id, secret, nonce] = TOKEN.split('.').concat('nonce') as [string, string, string];

  it('are derived with the newest key, and found by every key and by the secrets themselves', () => {
    const both = new Signer([SECRET, OTHER], COOKIE, TOKEN_LENGTH);
    const old = new Signer([OTHER], COOKIE, TOKEN_LENGTH);
    const all = both.successors(id, secret, nonce);
    expect(all).toHaveLength(4);
    expect(new Set(all).size).toBe(4);
    expect(all[0]).toBe(both.successor(id, secret, nonce));
    expect(all[1]).toBe(old.successor(id, secret, nonce));
    const legacy = [SECRET, OTHER].map((one) =>
      successorOf(createSecretKey(Buffer.from(one)), id, secret, nonce),
    );
    expect(all.slice(2)).toEqual(legacy);
  });
});

describe.each(platforms)('the index of sealed cookies on %s', (platform) => {
  it('goes on with entries that an older secret marked', async () => {
    const [index, revocations, clock] = [new MemoryStore(), new MemoryRevocations(), new FakeClock()];
    const node = async (secret: string[]) => {
      const store = new SealedCookie({ index, revocations });
      return start(platform, { controllers: [AppController], options: { secret, store, clock } });
    };
    const [before, after] = [await node([OTHER]), await node([SECRET, OTHER])];
    const browser = new Browser(before.url);
    await browser.post('/login', { user: 'alice' });
    clock.advance('20m');
    expect((await new Browser(after.url).get('/me', { cookie: browser.cookie })).status).toBe(200);
    const seen = async () =>
      (await after.app.get(SessionService).list('alice')).map((one) => +one.lastSeenAt);
    expect(await seen()).toEqual([clock.now()]);
    clock.advance('15m');
    expect(await seen()).toHaveLength(1);
  });
});

describe.each(platforms)('a cookie of the legacy form on %s', (platform) => {
  it('opens its session, and is of the current form after its next rotation', async () => {
    const { url, clock } = await start(platform, { controllers: [AppController] });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const { id, secret } = tokenOf(browser.cookie);
    const legacy = legacyCookie(`${id}.${secret}`);
    for (let n = 0; n < 2; n++) expect((await browser.get('/me', { cookie: legacy })).status).toBe(200);
    clock.advance('16m');
    const [renewed] = (await browser.get('/me', { cookie: legacy })).setCookies;
    const after = tokenOf(renewed!);
    expect(signedCookie(`${after.id}.${after.secret}`)).toBe(
      `${COOKIE}=${encodeURIComponent(decodeURIComponent(renewed!.slice(COOKIE.length + 1).split(';', 1)[0]!))}`,
    );
    // A straggler with the predecessor is given the same successor.
    const [again] = (await browser.get('/me', { cookie: legacy })).setCookies;
    expect(tokenOf(again!).secret).toBe(after.secret);
  });

  it('ends nothing where its secret is not one that the session had', async () => {
    const { url } = await start(platform, { controllers: [AppController] });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const forged = `${tokenOf(browser.cookie).id}.${'S'.repeat(43)}`;
    expect((await browser.get('/me', { cookie: legacyCookie(forged) })).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(200);
    // A genuine secret that the record does not know is newer than the record, which a failover of the store set back.
    expect((await browser.get('/me', { cookie: signedCookie(forged) })).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(200);
  });
});

describe('a text that the application signs with cookie-parser', () => {
  it('ends no session of the id in it, though the secret is the same', async () => {
    const app = await withParser(SECRET);
    expect((await forge(app)).status).toBe(401);
    expect(app.events).toEqual([]);
    expect((await app.alice.get('/me')).status).toBe(200);
  });

  it('ends no session with the own secret first, and cookie-parser reads the session cookie', async () => {
    const app = await withParser([OWN, ...cookieKeys(SECRET)]);
    const { answer, status } = await forge(app);
    expect([answer.status, status]).toEqual([200, 401]);
    expect(app.events).toEqual([{ type: 'tampered', id: '', at: app.clock.now() }]);
    expect((await app.alice.get('/me')).status).toBe(200);
    const { id, secret } = tokenOf(app.alice.cookie);
    expect((await app.alice.get('/signed')).json()).toEqual({ [COOKIE]: `${id}.${secret}` });
  });

  it('is not signed at all with a key of the session cookie first: every handler is refused', async () => {
    const running = await start('express', {
      controllers: [AppController, ThemeController],
      prepare: (app) => void app.use(cookieParser([...cookieKeys(SECRET), OWN])),
    });
    const answer = await new Browser(running.url).post('/theme', { theme: TOKEN });
    expect([answer.status, answer.setCookies]).toEqual([500, []]);
    // What it would have signed is what a predecessor looks like.
    expect(sign(TOKEN, cookieKeys(SECRET)[0]!)).toBe(
      new Signer([SECRET], COOKIE, TOKEN_LENGTH).sign(TOKEN).slice(2),
    );
  });
});
