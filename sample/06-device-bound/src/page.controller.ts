import { Controller, Get, Header, Headers, Post, Redirect, UseGuards } from '@nestjs/common';
import { LoginGuard, Logout, Session, SessionService } from 'nest-sessions';
import { EventLog } from './event-log.js';
import { accountPage, loginPage } from './page.js';

@Controller()
export class PageController {
  constructor(
    private readonly sessions: SessionService,
    private readonly log: EventLog,
  ) {}

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  home(@Session() session: Session, @Headers('host') host = '') {
    if (session.subject === undefined) return loginPage();
    return accountPage(host, session.subject, session.boundAt, this.log.of(session.id));
  }

  @Get('me')
  @UseGuards(LoginGuard)
  me(@Session() session: Session) {
    return { subject: session.subject, boundAt: session.boundAt ?? null };
  }

  @Post('login')
  @Redirect('/', 303)
  async logIn() {
    // A demo: everybody is alice.
    await this.sessions.login('alice');
  }

  @Post('logout')
  @Logout()
  @Redirect('/', 303)
  logOut() {}
}
