import { Body, Controller, Get, HttpCode, Param, Post, Query, UseGuards } from '@nestjs/common';
import { LoginGuard, Logout, Passive, Relogin, Session, SessionService } from 'nest-sessions';

export interface Data {
  [key: string]: unknown;
}

/** An application with the usual routes, which most specs drive. */
@Controller()
export class AppController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Get('untouched')
  untouched() {
    return { ok: true };
  }

  @Get('look')
  look(@Session() session: Session<Data>) {
    return {
      id: session.id,
      subject: session.subject ?? null,
      state: session.state,
      data: { ...session.data },
    };
  }

  @Post('data')
  @HttpCode(200)
  write(@Session() session: Session<Data>, @Body() body: Data) {
    Object.assign(session.data, body);
    return { ok: true };
  }

  @Post('increment/:key')
  @HttpCode(200)
  async increment(@Session() session: Session<Data>, @Param('key') key: string) {
    return { value: await session.update(key, (value) => Number(value ?? 0) + 1) };
  }

  @Post('login')
  @HttpCode(200)
  async login(@Body() body: { user: string; remember?: boolean; factor?: string; keep?: string[] }) {
    const { user, ...options } = body;
    await this.sessions.login(user, options);
    return { id: this.sessions.current.id };
  }

  @Post('relogin')
  @HttpCode(200)
  async relogin(@Body() body: { factor?: string; subject?: string }) {
    await this.sessions.relogin(body);
    return { ok: true };
  }

  @Post('regenerate')
  @HttpCode(200)
  async regenerate(@Body() body: { keep?: string[] }) {
    await this.sessions.regenerate(body);
    return { id: this.sessions.current.id };
  }

  @Post('clear')
  @HttpCode(200)
  async clear() {
    await this.sessions.clear();
    return { ok: true };
  }

  @Post('logout')
  @HttpCode(200)
  @Logout()
  logout() {
    return { ok: true };
  }

  @Post('logout-everywhere')
  @HttpCode(200)
  @Logout({ everywhere: true })
  logoutEverywhere() {
    return { ok: true };
  }

  @Get('me')
  @UseGuards(LoginGuard)
  me(@Session() session: Session<Data>) {
    return { subject: session.subject };
  }

  @Get('poll')
  @UseGuards(LoginGuard)
  @Passive()
  poll() {
    return { ok: true };
  }

  @Get('sensitive')
  @Relogin('5m')
  sensitive() {
    return { ok: true };
  }

  @Get('otp')
  @Relogin({ within: '5m', factor: 'otp' })
  otp() {
    return { ok: true };
  }

  @Get('devices')
  @UseGuards(LoginGuard)
  devices(@Session() session: Session<Data>) {
    return this.sessions.list(session.subject!);
  }

  @Post('revoke/:id')
  @HttpCode(200)
  @UseGuards(LoginGuard)
  async revoke(@Session() session: Session<Data>, @Param('id') id: string) {
    return { ended: await this.sessions.revoke(id, { subject: session.subject }) };
  }

  @Post('revoke-others')
  @HttpCode(200)
  @UseGuards(LoginGuard)
  async revokeOthers(@Session() session: Session<Data>) {
    return { ended: await this.sessions.revokeAll(session.subject!, { except: session.id }) };
  }

  @Get('fail')
  fail(@Query('kind') kind: string) {
    throw new Error(kind);
  }
}
