import { applyDecorators, Controller, Get, Injectable, UseGuards, type Type } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { LoginGuard, Public, Relogin, ReloginGuard, SessionService } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';

afterEach(closeAll);

@Injectable()
class OwnGuard extends LoginGuard {}

@Injectable()
class OwnReloginGuard extends ReloginGuard {}

@Injectable()
class OtherGuard {
  canActivate() {
    return true;
  }
}

const settings = {
  discloseEviction: true,
  login: { url: undefined },
  relogin: { within: 300_000, url: undefined },
} as never;

const Guarded = () => applyDecorators(UseGuards(OtherGuard), UseGuards(LoginGuard));

const answer = () => ({ ok: true });

/** Everything is public, except where a handler says otherwise. */
@Controller('public')
@Public()
class PublicController {
  @Get('open') open() {
    return answer();
  }
  @Get('other') @UseGuards(OtherGuard) other() {
    return answer();
  }
  @Get('login') @UseGuards(LoginGuard) login() {
    return answer();
  }
  @Get('instance') @UseGuards(new LoginGuard(settings)) instance() {
    return answer();
  }
  @Get('subclass') @UseGuards(OwnGuard) subclass() {
    return answer();
  }
  @Get('composed') @Guarded() composed() {
    return answer();
  }
  @Get('both') @Public() @UseGuards(LoginGuard) both() {
    return answer();
  }
  @Get('relogin') @UseGuards(ReloginGuard) relogin() {
    return answer();
  }
  @Get('relogin-instance')
  @UseGuards(new ReloginGuard(settings, new LoginGuard(settings)))
  reloginInstance() {
    return answer();
  }
  @Get('relogin-subclass') @UseGuards(OwnReloginGuard) reloginSubclass() {
    return answer();
  }
  @Get('window') @Relogin('5m') window() {
    return answer();
  }
}

@Controller('guarded')
@UseGuards(LoginGuard)
class GuardedController {
  @Get('closed') closed() {
    return answer();
  }
  @Get('open') @Public() open() {
    return answer();
  }
}

@Controller('torn')
@Public()
@UseGuards(LoginGuard)
class TornController {
  @Get('closed') closed() {
    return answer();
  }
}

@Public()
class OpenBase {
  @Get('base') base() {
    return answer();
  }
}

@Controller('derived-closed')
@UseGuards(LoginGuard)
class DerivedClosedController extends OpenBase {}

@UseGuards(LoginGuard)
class ClosedBase {
  @Get('base') base() {
    return answer();
  }
}

@Controller('derived-open')
@Public()
@UseGuards(OtherGuard)
class DerivedOpenController extends ClosedBase {
  @Get('own') @UseGuards(LoginGuard) own() {
    return answer();
  }
}

const OPEN = ['/public/open', '/public/other', '/guarded/open', '/derived-open/base'];
const LOGIN = [
  '/public/login',
  '/public/instance',
  '/public/subclass',
  '/public/composed',
  '/public/both',
  '/guarded/closed',
  '/torn/closed',
  '/derived-closed/base',
  '/derived-open/own',
];
const RECENT = ['/public/relogin', '/public/relogin-instance', '/public/relogin-subclass', '/public/window'];

async function open(platform: PlatformName, global?: Type) {
  const { app, url, clock } = await start(platform, {
    controllers: [
      PublicController,
      GuardedController,
      TornController,
      DerivedClosedController,
      DerivedOpenController,
    ],
    providers: global ? [{ provide: APP_GUARD, useClass: global }] : [],
    options: { idle: '2h' },
  });
  const cookie = await loginAs(app, 'alice');
  const statuses = async (paths: string[], sent: string) => {
    const all = await Promise.all(
      paths.map(async (path) => [path, (await new Browser(url).get(path, { cookie: sent })).status] as const),
    );
    return Object.fromEntries(all);
  };
  return { clock, cookie, statuses, sessions: app.get(SessionService) };
}

const all = (paths: string[], status: number) => Object.fromEntries(paths.map((path) => [path, status]));

describe.each(platforms)('@Public() and guards on %s', (platform) => {
  it.each([
    ['no guard', undefined],
    ['LoginGuard', LoginGuard],
    ['ReloginGuard', ReloginGuard],
  ])('with %s global: the nearer word counts, and on one level the stricter', async (_, global) => {
    const { clock, cookie, statuses } = await open(platform, global);
    expect(await statuses(OPEN, '')).toEqual(all(OPEN, 200));
    expect(await statuses([...LOGIN, ...RECENT], '')).toEqual(all([...LOGIN, ...RECENT], 401));
    expect(await statuses([...LOGIN, ...RECENT], cookie)).toEqual(all([...LOGIN, ...RECENT], 200));
    clock.advance('6m');
    expect(await statuses(RECENT, cookie)).toEqual(all(RECENT, 401));
    // What a class spares from a recent login stays spared where a handler asks for a login alone.
    const spared = LOGIN.filter((path) => /^\/(?:public|derived-open)/.test(path));
    expect(await statuses(spared, cookie)).toEqual(all(spared, 200));
  });
});
