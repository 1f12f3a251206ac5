import { Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import secureSession from '@fastify/secure-session';
import cookieSession from 'cookie-session';
import Fastify from 'fastify';
import { getIronSession } from 'iron-session';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, SECRET, start } from '../support/platforms.js';

interface Peer {
  user?: string;
}

/** The routes of the specs, as one writes them with cookie-session. */
@Controller()
class CookieSessionController {
  @Post('login')
  @HttpCode(200)
  login(@Req() request: { session: Peer | null }) {
    request.session!.user = 'alice';
    return { ok: true };
  }

  @Post('logout')
  @HttpCode(200)
  logout(@Req() request: { session: Peer | null }) {
    request.session = null;
    return { ok: true };
  }

  @Get('me')
  me(
    @Req() request: { session: Peer },
    @Res() response: ServerResponse & { status(n: number): { json(o: object): void } },
  ) {
    response.status(request.session.user ? 200 : 401).json({ subject: request.session.user ?? null });
  }
}

/** And as one does with iron-session. */
@Controller()
class IronController {
  @Post('login')
  @HttpCode(200)
  async login(@Req() request: IncomingMessage, @Res({ passthrough: true }) response: ServerResponse) {
    const session = await ironOf(request, response);
    session.user = 'alice';
    await session.save();
    return { ok: true };
  }

  @Post('logout')
  @HttpCode(200)
  async logout(@Req() request: IncomingMessage, @Res({ passthrough: true }) response: ServerResponse) {
    (await ironOf(request, response)).destroy();
    return { ok: true };
  }

  @Get('me')
  async me(
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse & { status(n: number): { json(o: object): void } },
  ) {
    const { user } = await ironOf(request, response);
    response.status(user ? 200 : 401).json({ subject: user ?? null });
  }
}

const ironOf = (request: IncomingMessage, response: ServerResponse) =>
  getIronSession<Peer>(request, response, { cookieName: 'iron', password: SECRET });

const peers: [string, () => Promise<string>][] = [
  ['cookie-session', startCookieSession],
  ['iron-session', startIron],
  ['@fastify/secure-session', startSecureSession],
];

async function startCookieSession(): Promise<string> {
  const { url } = await start('express', {
    controllers: [CookieSessionController],
    prepare: (app) => void app.use(cookieSession({ name: 'cs', keys: [SECRET], secure: false })),
  });
  return url;
}

async function startIron(): Promise<string> {
  return (await start('express', { controllers: [IronController] })).url;
}

const closing: (() => Promise<unknown>)[] = [];

async function startSecureSession(): Promise<string> {
  const app = Fastify();
  await app.register(secureSession, {
    key: Buffer.from(SECRET).subarray(0, 32),
    cookieName: 'fs',
    cookie: { path: '/' },
  });
  app.post('/login', (request) => {
    request.session.set('user' as never, 'alice' as never);
    return { ok: true };
  });
  app.post('/logout', (request) => {
    request.session.delete();
    return { ok: true };
  });
  app.get('/me', (request, reply) => {
    const user = request.session.get('user' as never) as string | undefined;
    return reply.status(user ? 200 : 401).send({ subject: user ?? null });
  });
  closing.push(() => app.close());
  return app.listen({ port: 0, host: '127.0.0.1' });
}

afterEach(async () => {
  await closeAll();
  for (const close of closing.splice(0)) await close();
});

/** Logs in, copies the cookie, logs out, and comes back with the copy. */
async function statusOfCopy(url: string): Promise<number> {
  const browser = new Browser(url);
  const login = await browser.post('/login', { user: 'alice' });
  expect(login.status).toBe(200);
  const copy = login.setCookies.map((one) => one.split(';')[0]!).join('; ');
  expect((await browser.get('/me', { cookie: copy })).status).toBe(200);
  expect((await browser.post('/logout', {}, { headers: { cookie: copy } })).status).toBe(200);
  return (await browser.get('/me', { cookie: copy })).status;
}

describe('a cookie that was copied before logout', () => {
  it.each(peers)('authenticates after it with %s', async (_name, startPeer) => {
    expect(await statusOfCopy(await startPeer())).toBe(200);
  });

  const here = platforms.flatMap(([platform]) =>
    (['sealed', 'scs', 'liu'] as const).map((format) => [platform, format] as const),
  );

  it.each(here)('does not here, on %s with the format %s', async (platform, format) => {
    const options = { store: new SealedCookie({ format }) };
    const { url } = await start(platform, { controllers: [AppController], options });
    expect(await statusOfCopy(url)).toBe(401);
  });
});
