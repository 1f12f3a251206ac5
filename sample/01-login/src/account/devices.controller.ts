import { Body, Controller, Get, NotFoundException, Post, Query, Redirect } from '@nestjs/common';
import { IsString, MaxLength } from 'class-validator';
import { Relogin, Session, SessionService } from 'nest-sessions';
import { noticeText } from '../views/notices.js';
import { Pages } from '../views/pages.js';
import { devicesView } from './devices.view.js';

class DeviceForm {
  @IsString() @MaxLength(100) id!: string;
}

@Controller('account/devices')
export class DevicesController {
  constructor(
    private readonly sessions: SessionService,
    private readonly pages: Pages,
  ) {}

  @Get()
  async show(@Session() session: Session, @Query('notice') notice: unknown): Promise<string> {
    const main = devicesView(await this.sessions.list(session.subject!));
    return this.pages.render({ title: 'Your devices', main, notice: noticeText(notice) });
  }

  /** With `subject`: an id is no secret, so knowing somebody else's must not be enough. */
  @Post('revoke')
  @Relogin()
  @Redirect('/account/devices?notice=revoked', 303)
  async revoke(@Session() session: Session, @Body() { id }: DeviceForm): Promise<void> {
    const ended = await this.sessions.revoke(id, { subject: session.subject! });
    if (ended === 0) throw new NotFoundException('There is no such device, or it is logged out already.');
  }

  @Post('revoke-others')
  @Relogin()
  @Redirect('/account/devices?notice=others-ended', 303)
  async revokeOthers(@Session() session: Session): Promise<void> {
    await this.sessions.revokeAll(session.subject!, { except: session.id });
  }
}
