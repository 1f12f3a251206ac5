import { Body, Controller, Get, HttpCode, Post, UnauthorizedException } from '@nestjs/common';
import { CurrentUser, Logout, Public, Session, SessionService } from 'nest-sessions';
import { UsersService, type User } from '../users/users.service.js';
import { LoginForm, ReloginForm } from './account.forms.js';

@Controller()
export class LoginController {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
  ) {}

  @Post('login')
  @Public()
  @HttpCode(204)
  async login(@Body() { login, password }: LoginForm): Promise<void> {
    const user = await this.users.verify(login, password);
    if (!user) throw new UnauthorizedException('User name or password is wrong.');
    await this.sessions.login(user.id);
  }

  @Get('me')
  me(@CurrentUser() { name }: User, @Session() session: Session) {
    return { name, said: session.data.said ?? 0 };
  }

  /** The session gets a new cookie. This browser's sockets see the re-login, and stay open. */
  @Post('relogin')
  @HttpCode(204)
  async relogin(@CurrentUser() user: User, @Body() { password }: ReloginForm): Promise<void> {
    if (!(await this.users.verify(user.login, password))) {
      throw new UnauthorizedException('That is not the password.');
    }
    await this.sessions.relogin();
  }

  @Post('logout')
  @Public()
  @Logout()
  @HttpCode(204)
  logout(): void {}
}
