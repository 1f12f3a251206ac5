import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Inject,
  Param,
  Post,
  Redirect,
  Req,
  Res,
  UnauthorizedException,
} from '@nestjs/common';
import { Holds } from './holds.js';
import type { Peer } from './peer.js';

export const PEER = Symbol('peer');

/** The routes of the suite, as one writes them with a library that gives the request a session. */
@Controller()
export class PeerController {
  constructor(
    @Inject(PEER) private readonly peer: Peer,
    private readonly holds: Holds,
  ) {}

  @Get('untouched')
  untouched() {
    return { ok: true };
  }

  @Get('look')
  look(@Req() request: unknown) {
    const { user, ...data } = this.peer.entries(request);
    return { subject: user ?? null, data };
  }

  @Get('me')
  async me(@Req() request: unknown) {
    const { user } = this.peer.entries(request);
    if (user === undefined) throw new UnauthorizedException();
    await this.peer.roll?.(request);
    return { subject: user };
  }

  @Get('read-and-fail')
  readAndFail(@Req() request: unknown) {
    throw new Error(String(this.peer.entries(request)['user']));
  }

  @Get('fail')
  fail() {
    throw new Error('fail');
  }

  @Get('late')
  late(@Res() response: { send(body: object): void }) {
    response.send({});
    throw new Error('after the response');
  }

  @Get('cached')
  @Header('cache-control', 'public, max-age=3600')
  async cached(@Req() request: unknown) {
    await this.peer.write(request, { seen: 'cached' });
    return { ok: true };
  }

  @Get('slow')
  async slow(@Req() request: unknown) {
    const { user } = this.peer.entries(request);
    await this.holds.pass();
    return { subject: user };
  }

  @Post('data')
  @HttpCode(200)
  async write(@Req() request: unknown, @Body() body: object) {
    await this.peer.write(request, body);
    return { ok: true };
  }

  @Post('slow-data')
  @HttpCode(200)
  async slowData(@Req() request: unknown, @Body() body: object) {
    await this.holds.pass();
    await this.peer.write(request, body);
    return { ok: true };
  }

  @Post('increment/:key')
  @HttpCode(200)
  async increment(@Req() request: unknown, @Param('key') key: string) {
    const value = Number(this.peer.entries(request)[key] ?? 0) + 1;
    await this.peer.write(request, { [key]: value });
    return { value };
  }

  @Post('redirect')
  @Redirect('/look', 303)
  async redirect(@Req() request: unknown, @Body() body: object) {
    await this.peer.write(request, body);
  }

  @Post('many')
  @HttpCode(200)
  async many(@Req() request: unknown) {
    await this.peer.write(request, { a: 1 });
    await this.peer.regenerate?.(request);
    await this.peer.write(request, { b: 2 });
    await this.peer.regenerate?.(request);
    return { ok: true };
  }

  @Post('login')
  @HttpCode(200)
  async login(@Req() request: unknown, @Body() { user }: { user: string }) {
    await this.peer.login(request, user);
    return { ok: true };
  }

  @Post('regenerate')
  @HttpCode(200)
  async regenerate(@Req() request: unknown) {
    await this.peer.regenerate?.(request);
    return { ok: true };
  }

  @Post('logout')
  @HttpCode(200)
  async logout(@Req() request: unknown) {
    await this.peer.logout(request);
    return { ok: true };
  }
}
