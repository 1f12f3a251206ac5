import { Body, Controller, Get, HttpCode, Post, Req, UnauthorizedException, UseGuards } from '@nestjs/common';
import { LoginGuard, Logout, Relogin, Session, SessionService } from 'nest-sessions';
import type { AuthRequest } from '../auth/auth.request.js';
import { AuthService } from '../auth/auth.service.js';
import { UsersService } from '../users/users.service.js';
import { EmailForm, ReloginForm } from './account.forms.js';

/** What is possible after the switch, beside Passport. */
@UseGuards(LoginGuard)
@Controller('account')
export class AccountController {
  constructor(
    private readonly sessions: SessionService,
    private readonly auth: AuthService,
    private readonly users: UsersService,
  ) {}

  /** What the library knows of the login. */
  @Get()
  async show(@Session() session: Session) {
    const { length } = await this.sessions.list(session.subject!);
    return { provedAt: session.authenticatedAt(), freshUntil: session.freshUntil(), sessions: length };
  }

  @Post('relogin')
  @HttpCode(204)
  async relogin(@Req() { user }: AuthRequest, @Body() { password }: ReloginForm): Promise<void> {
    if (!(await this.auth.validateUser(user.username, password))) {
      throw new UnauthorizedException('That is not the password.');
    }
    await this.sessions.relogin();
  }

  @Post('email')
  @HttpCode(204)
  @Relogin()
  changeEmail(@Req() { user }: AuthRequest, @Body() { email }: EmailForm): void {
    this.users.changeEmail(user.id, email);
  }

  @Post('logout-everywhere')
  @HttpCode(204)
  @Logout({ everywhere: true })
  logoutEverywhere(): void {}
}
