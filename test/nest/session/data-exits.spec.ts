import { Injectable, type CanActivate } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { SessionService } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { sites } from '../../support/backends.js';
import { send } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';
import { ExitsController } from '../request/exits.app.js';

afterEach(closeAll);

/** Logs in and writes before any handler of an exit, whatever that then does. */
@Injectable()
class LoginFirst implements CanActivate {
  constructor(private readonly sessions: SessionService<{ written: string }>) {}

  async canActivate(context: { getClass(): unknown }): Promise<boolean> {
    if (context.getClass() !== ExitsController) return true;
    await this.sessions.login('alice');
    this.sessions.current.data.written = 'before the exit';
    return true;
  }
}

const EXITS: [string, number][] = [
  ['value', 200],
  ['empty', 204],
  ['redirect', 302],
  ['file', 200],
  ['throws', 403],
  ['filter', 418],
  ['send', 200],
  ['res-redirect', 302],
  ['raw', 200],
  ['raw-list', 200],
  ['raw-implicit', 200],
  ['pipe', 200],
  ['flush', 200],
  ['sse', 200],
  ['guard', 403],
  ['send-throw', 200],
  ['not-modified', 304],
];

describe.each(sites)('a login and data before the exit, on %s,', (site) => {
  it.each(EXITS)('are kept by %s (%d)', async (exit, status) => {
    const { url } = await start(site, {
      controllers: [AppController, ExitsController],
      providers: [{ provide: APP_GUARD, useClass: LoginFirst }],
    });
    const answer = await send(`${url}/exit/${exit}`, 'GET', {});
    expect(answer.status).toBe(status);
    const cookie = answer.setCookies.find((one) => one.startsWith('__Host-session='))!.split(';')[0]!;
    expect((await send(`${url}/look`, 'GET', { cookie })).json()).toMatchObject({
      subject: 'alice',
      data: { written: 'before the exit' },
    });
  });
});
