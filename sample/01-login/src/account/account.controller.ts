import { Controller, Get, Query } from '@nestjs/common';
import { Session } from 'nest-sessions';
import { UsersService } from '../auth/users.service.js';
import { noticeText } from '../views/notices.js';
import { Pages } from '../views/pages.js';
import { accountView } from './account.view.js';

@Controller('account')
export class AccountController {
  constructor(
    private readonly users: UsersService,
    private readonly pages: Pages,
  ) {}

  @Get()
  show(@Session() session: Session, @Query('notice') notice: unknown): string {
    const main = accountView(this.users.byId(session.subject!)!, session);
    return this.pages.render({ title: 'Your account', main, notice: noticeText(notice) });
  }
}
