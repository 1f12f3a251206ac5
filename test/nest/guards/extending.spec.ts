import {
  Controller,
  ForbiddenException,
  Get,
  Injectable,
  Module,
  Scope,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  LoginGuard,
  Public,
  Relogin,
  ReloginGuard,
  type ReloginRefusal,
  type ReloginWindow,
} from 'nest-sessions';
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

/** Anybody's guard, which is none of ours. */
class ClosedGuard {
  canActivate() {
    return false;
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestScopedGuard extends LoginGuard {}

@Controller('elsewhere')
class ElsewhereController {
  @Get() @UseGuards(LoginGuard) get() {
    return { ok: true };
  }
}

@Module({ controllers: [ElsewhereController] })
class PlainModule {}

@Controller('open')
@UseGuards(LoginGuard)
class PartlyOpenController {
  @Get('to-all') @Public() toAll() {
    return { ok: true };
  }

  @Get('to-some') toSome() {
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

  it('respond with their own body, and the challenge', async () => {
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

  it('may require their own window', async () => {
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

  it.each([
    ['PageLoginGuard', PageLoginGuard, 401, { goTo: '/login' }],
    ['AliceGuard', AliceGuard, 401, { code: 'ERR_LOGIN_REQUIRED' }],
    ['RefusingGuard', RefusingGuard, 403, {}],
  ])(
    'are what @UseGuards(LoginGuard) uses where they are provided for it: %s',
    async (name, guard, status, body) => {
      const { browser } = await open(guard);
      const nobody = await browser.get('/me');
      expect(nobody.status).toBe(status);
      expect(nobody.json()).toMatchObject(body);
      await browser.post('/login', { user: 'bob' });
      expect((await browser.get('/me')).status).toBe(name === 'PageLoginGuard' ? 200 : status);
    },
  );

  it.each([
    ['useClass', { provide: LoginGuard, useClass: ClosedGuard }],
    ['useValue', { provide: LoginGuard, useValue: new ClosedGuard() }],
    ['useFactory', { provide: LoginGuard, useFactory: () => new ClosedGuard() }],
    ['useExisting', { provide: LoginGuard, useExisting: ClosedGuard }],
  ])('may be provided by %s, and need not extend ours', async (_, provider) => {
    const { url } = await start(platform, {
      controllers: [AppController, PartlyOpenController],
      providers: [ClosedGuard, provider],
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/me')).status).toBe(403);
    expect((await browser.get('/open/to-some')).status).toBe(403);
    expect((await browser.get('/open/to-all')).status).toBe(200);
  });

  it('are used in the module that provides them, and in no other', async () => {
    const { url } = await start(platform, {
      controllers: [AppController, OwnController],
      imports: [PlainModule],
      providers: [{ provide: LoginGuard, useClass: PageLoginGuard }],
    });
    const browser = new Browser(url);
    expect((await browser.get('/me')).json()).toEqual({ goTo: '/login' });
    expect((await browser.get('/own/relogin')).json()).toEqual({ goTo: '/login' });
    expect((await browser.get('/elsewhere')).json()).toMatchObject({ code: 'ERR_LOGIN_REQUIRED' });
  });

  it('are used where LoginGuard itself is the guard of the whole application', async () => {
    const { url } = await start(platform, {
      controllers: [AppController],
      imports: [PlainModule],
      providers: [
        { provide: LoginGuard, useClass: PageLoginGuard },
        { provide: APP_GUARD, useClass: LoginGuard },
      ],
    });
    const browser = new Browser(url);
    expect((await browser.get('/untouched')).json()).toEqual({ goTo: '/login' });
  });

  it('cannot be made anew for each request, which fails at boot', async () => {
    const started = start(platform, {
      controllers: [AppController],
      providers: [{ provide: LoginGuard, useClass: RequestScopedGuard }],
    });
    await expect(started).rejects.toThrow(/LoginGuard cannot take its place.*request-scoped/s);
  });
});
