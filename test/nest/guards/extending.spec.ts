import {
  Controller,
  ForbiddenException,
  Get,
  Injectable,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { LoginGuard, Relogin, ReloginGuard, type ReloginRefusal, type ReloginWindow } from 'nest-sessions';
import type { ExecutionContext } from '@nestjs/common';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start } from '../../support/platforms.js';

afterEach(closeAll);

@Injectable()
class PageLoginGuard extends LoginGuard {
  protected override throwLoginRequired(): never {
    throw new UnauthorizedException({ goTo: '/login' });
  }
}

/** Admits one user alone, and takes its time. */
@Injectable()
class AliceGuard extends LoginGuard {
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    await Promise.resolve();
    return super.canActivate(context);
  }

  protected override isLoggedIn(session: { subject: string | undefined }): boolean {
    return session.subject === 'alice';
  }
}

@Injectable()
class RefusingGuard extends LoginGuard {
  override canActivate(): boolean {
    return false;
  }
}

@Injectable()
class OtpGuard extends ReloginGuard {
  protected override windowOf(): ReloginWindow {
    return { within: 60_000, factor: 'otp' };
  }

  protected override throwReloginRequired(_: ExecutionContext, { maxAge }: ReloginRefusal): never {
    throw new ForbiddenException({ maxAge });
  }
}

@Controller('own')
class OwnController {
  @Get('login') @UseGuards(PageLoginGuard) login() {
    return { ok: true };
  }

  @Get('otp') @UseGuards(OtpGuard) otp() {
    return { ok: true };
  }

  @Get('relogin') @Relogin('5m') relogin() {
    return { ok: true };
  }
}

describe.each(platforms)('guards that are extended on %s', (platform) => {
  const open = async (guard?: typeof LoginGuard) => {
    const { url, clock } = await start(platform, {
      controllers: [AppController, OwnController],
      providers: guard ? [{ provide: LoginGuard, useClass: guard }] : [],
    });
    return { browser: new Browser(url), clock };
  };

  it('answer in words of their own, with the challenge', async () => {
    const { browser } = await open();
    const answer = await browser.get('/own/login');
    expect([answer.status, answer.json(), answer.headers['www-authenticate']]).toEqual([
      401,
      { goTo: '/login' },
      'Session',
    ]);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/own/login')).status).toBe(200);
  });

  it('ask for a window of their own', async () => {
    const { browser, clock } = await open();
    await browser.post('/login', { user: 'alice' });
    const refused = await browser.get('/own/otp');
    expect([refused.status, refused.json()]).toEqual([403, { maxAge: 60 }]);
    await browser.post('/relogin', { factor: 'otp' });
    expect((await browser.get('/own/otp')).status).toBe(200);
    clock.advance('61s');
    expect((await browser.get('/own/otp')).status).toBe(403);
  });

  it.each([
    ['PageLoginGuard', PageLoginGuard, 401, { goTo: '/login' }],
    ['AliceGuard', AliceGuard, 401, { code: 'ERR_LOGIN_REQUIRED' }],
    ['RefusingGuard', RefusingGuard, 403, {}],
  ])('are what ReloginGuard asks in place of LoginGuard: %s', async (name, guard, status, body) => {
    const { browser } = await open(guard);
    const nobody = await browser.get('/own/relogin');
    expect(nobody.status).toBe(status);
    expect(nobody.json()).toMatchObject(body);
    await browser.post('/login', { user: 'bob' });
    expect((await browser.get('/own/relogin')).status).toBe(name === 'PageLoginGuard' ? 200 : status);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/own/relogin')).status).toBe(name === 'RefusingGuard' ? status : 200);
  });
});
