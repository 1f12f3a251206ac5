import { Controller, Get, Header, Post, Redirect, UseGuards } from '@nestjs/common';
import { LoginGuard, Logout, Session, SessionService } from 'nest-sessions';
import { EventLog } from './log.js';
import { page, time } from './page.js';

@Controller()
export class PageController {
  constructor(
    private readonly sessions: SessionService,
    private readonly log: EventLog,
  ) {}

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  home(@Session() session: Session) {
    if (!session.loggedIn)
      return page(
        'Nobody is logged in',
        '<form method="post" action="/login"><button>Log in</button></form>',
      );
    const events = this.log.of(session.id);
    const refreshed = events.find(({ type }) => type === 'refreshed' || type === 'bound');
    const rows = events.map(({ type, at }) => `<li>${time(new Date(at))} ${type}</li>`).join('');
    return page(
      `Logged in as ${session.subject}`,
      `<p>${session.boundAt ? `Bound to this device since ${time(session.boundAt)}.` : 'Not bound (yet: load the page again).'}
       ${refreshed ? `Last proof: ${time(new Date(refreshed.at))}.` : ''}</p>
       <p>Copy all cookies of this page (developer tools, Application), and use them elsewhere:</p>
       <pre>curl -k https://localhost:${process.env['PORT'] ?? 3006}/me -H 'Cookie: …'</pre>
       <p>It works. Wait for five and a half minutes, and try again: the copy is dead, and this page goes on.</p>
       <form method="post" action="/logout"><button>Log out</button></form>
       <ul>${rows}</ul>`,
    );
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
