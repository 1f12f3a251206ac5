import { Body, Controller, Get, HttpCode, NotFoundException, Post } from '@nestjs/common';
import { Relogin, SessionService, Subject } from 'nest-sessions';
import { DeviceForm } from './account.forms.js';

@Controller('devices')
export class DevicesController {
  constructor(private readonly sessions: SessionService) {}

  @Get()
  async list(@Subject() subject: string) {
    const sessions = await this.sessions.list(subject);
    return sessions.map(({ id, device, createdAt, current }) => ({ id, ...device, createdAt, current }));
  }

  /**
   * Ends the session of another device, and with it its sockets, on every node. With `subject`: an id is no secret, so
   * knowing somebody else's must not be enough.
   */
  @Post('revoke')
  @HttpCode(204)
  @Relogin()
  async revoke(@Subject() subject: string, @Body() { id }: DeviceForm): Promise<void> {
    const ended = await this.sessions.revoke(id, { subject });
    if (ended === 0) throw new NotFoundException('There is no such device, or it is logged out already.');
  }
}
