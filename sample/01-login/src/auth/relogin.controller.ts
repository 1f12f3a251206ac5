import { Body, Controller, Get, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { safeNext, Session, SessionService } from 'nest-sessions';
import { seeOther } from '../http/see-other.js';
import { Pages } from '../views/pages.js';
import { ReloginForm } from './login.form.js';
import { reloginView } from './relogin.view.js';
import { UsersService } from './users.service.js';

/** Where ReloginGuard sends people whose login is too old for what they want to do. */
@Controller('login/again')
export class ReloginController {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
    private readonly pages: Pages,
  ) {}

  @Get()
  show(@Session() session: Session, @Query('next') next: unknown): string {
    return this.#page(session, safeNext(next, '/account'), false);
  }

  @Post()
  async relogin(
    @Session() session: Session,
    @Body() form: ReloginForm,
    @Res({ passthrough: true }) response: Response,
  ): Promise<string> {
    const next = safeNext(form.next, '/account');
    // Asked of the session, never of the form: only this user can make this session fresh.
    if (!(await this.users.hasPassword(session.subject!, form.password))) {
      response.status(401);
      return this.#page(session, next, true);
    }
    await this.sessions.relogin();
    return seeOther(response, next);
  }

  #page(session: Session, next: string, failed: boolean): string {
    const name = this.users.byId(session.subject!)?.name ?? 'you';
    return this.pages.render({ title: 'Is it you?', main: reloginView({ name, next, failed }) });
  }
}
