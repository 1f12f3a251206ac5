import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Post,
  ServiceUnavailableException,
  UseGuards,
} from '@nestjs/common';
import { LoginGuard, Logout, Session, SessionService } from 'nest-sessions';
import { FAULT, type Faults } from './faults.js';

export interface Data {
  count?: number;
  [key: string]: unknown;
}

@Controller()
export class SoakController {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService<Data>,
    @Inject(FAULT) private readonly faults: Faults,
  ) {}

  @Get('me')
  @UseGuards(LoginGuard)
  me(@Session() session: Session<Data>) {
    if (this.faults.hits('failure')) throw new ServiceUnavailableException();
    this.faults.leakOrBlock();
    return { name: this.faults.nameFor(session.subject), data: { ...session.data } };
  }

  @Post('login')
  @HttpCode(200)
  async login(@Body() { name, keep }: { name: string; keep: string[] }) {
    await this.sessions.login(name, { keep });
    return { ok: true };
  }

  @Post('write')
  @HttpCode(200)
  write(@Session() session: Session<Data>, @Body() { key, value }: { key: string; value: number }) {
    if (!this.faults.hits('write')) session.data[key] = value;
    return { ok: true };
  }

  @Post('update')
  @HttpCode(200)
  @UseGuards(LoginGuard)
  async update(@Session() session: Session<Data>) {
    if (this.faults.is('update')) {
      const count = session.data.count ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 5));
      session.data.count = count + 1;
      return { count: count + 1 };
    }
    return { count: await session.update('count', (count = 0) => count + 1) };
  }

  @Post('relogin')
  @HttpCode(200)
  @UseGuards(LoginGuard)
  async relogin() {
    await this.sessions.relogin({});
    return { ok: true };
  }

  @Post('regenerate')
  @HttpCode(200)
  @UseGuards(LoginGuard)
  async regenerate() {
    await this.sessions.regenerate();
    return { ok: true };
  }

  @Post('logout')
  @HttpCode(200)
  async logout() {
    if (!this.faults.is('logout')) await this.sessions.logout();
    return { ok: true };
  }

  @Post('everywhere')
  @HttpCode(200)
  @UseGuards(LoginGuard)
  @Logout({ everywhere: true })
  everywhere() {
    return { ok: true };
  }

  @Post('others')
  @HttpCode(200)
  @UseGuards(LoginGuard)
  async others(@Session() session: Session<Data>) {
    await this.sessions.revokeAll(session.subject!, { except: session.id });
    return { ok: true };
  }

  /** Ends the session of another device of the user. */
  @Post('revoke')
  @HttpCode(200)
  @UseGuards(LoginGuard)
  async revoke(@Session() session: Session<Data>, @Body() { id }: { id: string }) {
    return { ended: await this.sessions.revoke(id, { subject: session.subject }) };
  }

  @Get('id')
  @UseGuards(LoginGuard)
  id(@Session() session: Session<Data>) {
    return { id: session.id };
  }
}
