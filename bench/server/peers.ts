import {
  Body,
  Controller,
  Get,
  HttpCode,
  Module,
  Post,
  Req,
  UseGuards,
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  type INestApplication,
} from '@nestjs/common';
import { sessionData } from '../profiles.js';

/** How a peer's session is used, the way that its documentation shows. */
export interface Peer {
  /** Before the application starts. */
  install(app: INestApplication): void | Promise<void>;
  read(request: unknown, key: string): unknown;
  write(request: unknown, key: string, value: unknown): void;
  entries(request: unknown): object;
  login(request: unknown, data: Record<string, unknown>): void | Promise<void>;
  /** After a write, where the peer wants to be told. */
  save?(request: unknown): Promise<void>;
  /** Extends the session, where that is the application's business. */
  roll?(request: unknown): void | Promise<void>;
}

/** The routes of {@link OurController}, over a peer. */
export function peerModule(peer: Peer, rolling: boolean): DynamicModule {
  const me = (request: unknown) => ({
    subject: peer.read(request, 'subject') ?? null,
    locale: peer.read(request, 'locale') ?? null,
  });

  class PeerGuard implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      return peer.read(context.switchToHttp().getRequest<unknown>(), 'subject') !== undefined;
    }
  }

  @Controller()
  class PeerController {
    @Get('anonymous')
    anonymous() {
      return { ok: true };
    }

    @Get('me')
    me(@Req() request: unknown): unknown {
      if (!rolling || !peer.roll) return me(request);
      const rolled = peer.roll(request);
      return rolled ? rolled.then(() => me(request)) : me(request);
    }

    @Get('guarded')
    @UseGuards(PeerGuard)
    guarded(@Req() request: unknown) {
      return me(request);
    }

    @Get('everything')
    everything(@Req() request: unknown) {
      const {
        cookie: _cookie,
        subject: _subject,
        ...data
      } = peer.entries(request) as Record<string, unknown>;
      return { keys: Object.values(data).length };
    }

    @Post('write')
    @HttpCode(200)
    write(@Req() request: unknown): unknown {
      const n = (peer.read(request, 'n') as number) + 1;
      peer.write(request, 'n', n);
      return peer.save ? peer.save(request).then(() => ({ n })) : { n };
    }

    @Post('login')
    @HttpCode(200)
    async login(@Req() request: unknown, @Body() { subject, bytes }: { subject: string; bytes: number }) {
      await peer.login(request, { subject, ...sessionData(bytes) });
      return { ok: true };
    }
  }

  @Module({ controllers: [PeerController] })
  class PeerModule {}

  return { module: PeerModule };
}
