import { Body, Controller, Get, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Public, safeNext, SessionService } from 'nest-sessions';
import { seeOther } from '../http/see-other.js';
import { Pages } from '../views/pages.js';
import { LoginForm } from './login.form.js';
import { loginView } from './login.view.js';
import { UsersService } from './users.service.js';

@Public()
@Controller('login')
export class LoginController {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
    private readonly pages: Pages,
  ) {}

  @Get()
  show(@Query('next') next: unknown): string {
    return this.#page({ next: safeNext(next, '/account') });
  }

  @Post()
  async login(@Body() form: LoginForm, @Res({ passthrough: true }) response: Response): Promise<string> {
    const next = safeNext(form.next, '/account');
    const user = await this.users.authenticate(form.login, form.password);
    if (!user) {
      response.status(401);
      return this.#page({ next, login: form.login, failed: true });
    }
    // Of what an anonymous visitor gathered the cart comes along, and nothing else.
    await this.sessions.login(user.id, { remember: form.remember !== undefined, keep: ['cart'] });
    return seeOther(response, next);
  }

  #page(options: Parameters<typeof loginView>[0]): string {
    return this.pages.render({ title: 'Log in', main: loginView(options) });
  }
}
