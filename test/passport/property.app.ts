import { Body, Controller, Get, HttpCode, Module, Post, Req, Res } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { Passive, Session, SessionService } from 'nest-sessions';
import { PassportSessions } from 'nest-sessions/passport';
import { inspect, promisify } from 'node:util';
import type { Setup } from '../support/platforms.js';

const call = (session: any, method: string): Promise<void> => promisify(session[method].bind(session))();

/** What an application written for express-session does with `req.session`. */
@Controller()
export class PropertyController {
  constructor(private readonly sessions: SessionService<Record<string, unknown>>) {}

  @Get('look')
  look(@Req() request: any, @Session() session: Session<Record<string, unknown>>) {
    return {
      id: request.session.id,
      session: { ...request.session },
      ours: { ...session.data },
      ourId: session.id,
    };
  }

  @Get('forms')
  forms(@Req() { session }: any) {
    const all: string[] = [];
    for (const key in session) all.push(key);
    return {
      in: all,
      keys: Object.keys(session),
      json: JSON.parse(JSON.stringify(session)),
      has: 'cart' in session,
      hasOther: 'other' in session,
      shown: inspect(session),
      other: session.other === undefined,
      text: typeof session.toString,
    };
  }

  @Post('set')
  set(@Req() { session }: any, @Body() body: object) {
    Object.assign(session, body);
    return { ...session };
  }

  @Post('push')
  push(@Req() { session }: any) {
    session.list.push('more');
    return { ok: true };
  }

  @Post('delete/cart')
  remove(@Req() { session }: any) {
    delete session.cart;
    return { has: 'cart' in session };
  }

  @Post('login')
  login(@Req() request: any, @Body() { user }: { user: unknown }) {
    request.session.passport = { user };
    return { user: request.session.passport.user };
  }

  @Post('service-login')
  async serviceLogin(@Req() request: any) {
    await this.sessions.login('alice');
    return { user: request.session.passport.user };
  }

  @Post('service-logout')
  async serviceLogout(@Req() request: any) {
    await this.sessions.logout();
    request.session.note = 'bye';
    return { login: request.session.passport ?? null };
  }

  @Post('profile')
  profile(@Req() request: any) {
    request.session.passport.user.name = 'new';
    return { ok: true };
  }

  @Post('regenerate')
  async regenerate(@Req() request: any, @Body() { keep }: { keep?: boolean }) {
    const former = request.session;
    await call(request.session, 'regenerate');
    const between = { ...request.session };
    request.session.begun = true;
    if (keep) Object.assign(request.session, former);
    return { between, same: former === request.session, former: { ...former } };
  }

  @Post('save')
  async save(@Req() request: any) {
    request.session.saved = true;
    await call(request.session, 'save');
    return { id: request.session.id, state: this.sessions.current.state };
  }

  @Post('reload')
  async reload(@Req() request: any) {
    request.session.cart = 'unsaved';
    request.session.more = 'unsaved';
    await call(request.session, 'reload');
    return { ...request.session };
  }

  @Post('destroy')
  async destroy(@Req() request: any) {
    await call(request.session, 'destroy');
    return { session: { ...request.session } };
  }

  @Post('null')
  empty(@Req() request: any) {
    request.session = null;
    return { ok: true };
  }

  @Post('replace')
  replace(@Req() request: any) {
    request.session = { other: true };
  }

  @Get('passive')
  @Passive()
  passive() {
    return { ok: true };
  }

  @Get('touch')
  @Passive()
  touch(@Req() request: any) {
    return { same: request.session.touch() === request.session };
  }

  @Get('cookie')
  cookie(@Req() { session: { cookie } }: any) {
    const { maxAge, originalMaxAge, expires, httpOnly, path, secure, sameSite, domain } = cookie;
    return { maxAge, originalMaxAge, expires, httpOnly, path, secure, sameSite, domain: domain ?? null };
  }

  @Post('cookie-attribute')
  attribute(@Req() { session }: any) {
    session.cookie.httpOnly = false;
  }

  @Post('remember')
  @HttpCode(200)
  remember(@Req() { session }: any, @Body() { until }: { until: string | false }) {
    session.cookie.expires = until === false ? false : new Date(until);
    return { ok: true };
  }

  @Get('excluded')
  excluded(@Req() request: any) {
    return {
      there: request.session !== undefined,
      login: request.session.passport ?? null,
      id: request.session.id ?? null,
    };
  }

  @Post('excluded')
  excludedWrite(@Req() request: any, @Res({ passthrough: true }) response: any) {
    return new Promise((done) => {
      try {
        request.session.x = 1;
      } catch (error: any) {
        response.status(200);
        request.session.save((failed: any) => done({ set: error.code, save: failed.code }));
      }
    });
  }
}

export const property = (setup: Setup = {}): Setup => {
  @Module({ imports: [PassportSessions], controllers: [PropertyController] })
  class PropertyModule {}
  return { ...setup, imports: [PropertyModule] };
};

/** Middleware of `app.use()` sees the same property. */
export const counting = (app: INestApplication): void => {
  app.use((request: any, _response: unknown, next: () => void) => {
    request.session.views = ((request.session.views as number | undefined) ?? 0) + 1;
    next();
  });
};
