import { Body, Controller, Get, Post, Res } from '@nestjs/common';
import { validate } from 'class-validator';
import type { Response } from 'express';
import { Relogin, Session } from 'nest-sessions';
import { UsersService } from '../auth/users.service.js';
import { seeOther } from '../http/see-other.js';
import { Pages } from '../views/pages.js';
import { EmailForm } from './email.form.js';
import { emailView } from './email.view.js';
import { Freshness } from './freshness.js';

/**
 * A sensitive form: whoever sits down at a computer that was left logged in must not take the account over.
 * The window is the option `relogin.within`; one handler may have its own, as in `@Relogin('1m')`.
 */
@Relogin()
@Controller('account/email')
export class EmailController {
  constructor(
    private readonly users: UsersService,
    private readonly freshness: Freshness,
    private readonly pages: Pages,
  ) {}

  @Get()
  show(@Session() session: Session): string {
    return this.#page(session, this.users.byId(session.subject!)!.email);
  }

  /** The form is checked here and not by a pipe, so that the page can say what is wrong, next to the field. */
  @Post()
  async change(
    @Session() session: Session,
    @Body('email') email: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<string> {
    const form = Object.assign(new EmailForm(), { email });
    const [problem] = await validate(form);
    if (problem) {
      response.status(422);
      return this.#page(session, String(email ?? ''), Object.values(problem.constraints!)[0]);
    }
    this.users.changeEmail(session.subject!, form.email);
    return seeOther(response, '/account?notice=email-changed');
  }

  #page(session: Session, email: string, problem?: string): string {
    const { windowSeconds } = this.freshness;
    const main = emailView({
      email,
      problem,
      windowSeconds,
      secondsLeft: this.freshness.secondsLeft(session),
    });
    return this.pages.render({ title: 'Change your e-mail address', main });
  }
}
