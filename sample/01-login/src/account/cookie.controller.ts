import { Controller, Get, NotFoundException, Req } from '@nestjs/common';
import type { Request } from 'express';
import { Relogin } from 'nest-sessions';
import { Pages } from '../views/pages.js';
import { cookieView } from './cookie.view.js';

const NAME = '__Host-session=';
const THIS_MACHINE = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/**
 * Shows the session cookie, which no real application ever does: it is HttpOnly so that no script can read
 * it, and a page that prints it undoes that. Here it is what the demonstration is about, so only this
 * machine gets to see it. With a recent login, as it opens everything, and so that this very response does
 * not renew the cookie that the page shows.
 */
@Relogin()
@Controller('account/cookie')
export class CookieController {
  constructor(private readonly pages: Pages) {}

  @Get()
  show(@Req() request: Request): string {
    const { host = '', cookie = '' } = request.headers;
    if (!THIS_MACHINE.test(host)) throw new NotFoundException();
    const own = cookie.split('; ').find((pair) => pair.startsWith(NAME)) ?? '';
    const command = `curl -i http://${host}/account -H 'Cookie: ${own}'`;
    return this.pages.render({ title: 'Your session cookie', main: cookieView(command) });
  }
}
