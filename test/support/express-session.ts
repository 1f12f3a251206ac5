import { promisify } from 'node:util';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Post,
  Redirect,
  Req,
  UnauthorizedException,
  type INestApplication,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import session, { MemoryStore, type SessionData, type SessionOptions, type Store } from 'express-session';
import type { Gate } from './gate.js';
import { SECRET } from './platforms.js';

declare module 'express-session' {
  interface SessionData {
    user: string;
    values: Record<string, unknown>;
    [key: string]: unknown;
  }
}

interface PeerRequest {
  session: session.Session & Partial<SessionData>;
}

/** Where a handler waits, set by the spec. */
export const peerGate: { current?: Gate } = {};

/** The routes of the specs, as one writes them with express-session. */
@Controller()
class PeerController {
  @Post('login')
  @HttpCode(200)
  async login(@Req() request: PeerRequest, @Body() body: { user: string }) {
    await promisify(request.session.regenerate.bind(request.session))();
    request.session.user = body.user;
    return { ok: true };
  }

  @Post('logout')
  @HttpCode(200)
  async logout(@Req() request: PeerRequest) {
    await new Promise<void>((resolve) => request.session.destroy(() => resolve()));
    return { ok: true };
  }

  @Post('data')
  @HttpCode(200)
  write(@Req() request: PeerRequest, @Body() body: object) {
    Object.assign(request.session, body);
    return { ok: true };
  }

  @Post('slow-data')
  @HttpCode(200)
  async slow(@Req() request: PeerRequest, @Body() body: object) {
    await peerGate.current?.pass();
    Object.assign(request.session, body);
    return { ok: true };
  }

  @Post('redirect')
  @Redirect('/look', 303)
  redirect(@Req() request: PeerRequest, @Body() body: object) {
    Object.assign(request.session, body);
  }

  @Get('look')
  look(@Req() request: PeerRequest) {
    const { cookie: _, ...data } = { ...(request.session as Partial<PeerRequest['session']>) };
    return { data };
  }

  @Get('me')
  me(@Req() request: PeerRequest) {
    const subject = (request.session as PeerRequest['session'] | undefined)?.user;
    if (subject === undefined) throw new UnauthorizedException();
    return { subject };
  }
}

/** An application with express-session, on a free port of this machine. */
export async function startPeer(
  options: Partial<SessionOptions> = {},
): Promise<{ app: INestApplication; url: string; store: Store }> {
  const store = options.store ?? new MemoryStore();
  const module = await Test.createTestingModule({ controllers: [PeerController] }).compile();
  const app = module.createNestApplication({ logger: false });
  app.use(session({ secret: SECRET, resave: false, saveUninitialized: false, ...options, store }));
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl(), store };
}
