import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  Controller,
  Get,
  Injectable,
  Module,
  Req,
  UseGuards,
  type ExecutionContext,
  type INestApplication,
} from '@nestjs/common';
import { AuthGuard, PassportModule, PassportSerializer, PassportStrategy } from '@nestjs/passport';
import { PassportSessions } from 'nest-sessions/passport';
import passport from 'passport';
import Strategy from 'passport-oauth2';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start, type PlatformName, type Setup } from '../support/platforms.js';

/** An authorization server whose every code is good: its token endpoint (RFC 6749 §4.1.3). */
let provider: Server;
let tokenUrl: string;

beforeAll(async () => {
  provider = createServer((_request, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ access_token: 'of alice', token_type: 'Bearer' }));
  }).listen(0, '127.0.0.1');
  await once(provider, 'listening');
  tokenUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/token`;
});
afterAll(() => provider.close());
afterEach(closeAll);

@Injectable()
class Serializer extends PassportSerializer {
  serializeUser(user: any, done: (error: unknown, id: string) => void): void {
    done(null, user.id);
  }

  deserializeUser(id: string, done: (error: unknown, user: unknown) => void): void {
    done(null, { id });
  }
}

function application(platform: PlatformName, pkce: boolean): Setup {
  @Injectable()
  class OAuthStrategy extends PassportStrategy(Strategy, 'oauth2') {
    constructor() {
      super({
        authorizationURL: 'https://provider.example/authorize',
        tokenURL: tokenUrl,
        clientID: 'client',
        clientSecret: 'secret',
        callbackURL: 'https://app.example/callback',
        state: true,
        ...(pkce && { pkce: true }),
      });
    }

    validate(accessToken: string) {
      return { id: accessToken.replace('of ', '') };
    }
  }

  @Injectable()
  class OAuthGuard extends AuthGuard('oauth2') {
    override async canActivate(context: ExecutionContext): Promise<boolean> {
      const result = (await super.canActivate(context)) as boolean;
      await super.logIn(context.switchToHttp().getRequest());
      return result;
    }

    /** The strategy redirects by the methods of Node's response, which Fastify's reply does not have. */
    getResponse(context: ExecutionContext): unknown {
      const response = context.switchToHttp().getResponse<{ raw?: object }>();
      return response.raw ?? response;
    }
  }

  @Controller()
  class OAuthController {
    @Get('begin')
    @UseGuards(OAuthGuard)
    begin() {
      return undefined;
    }

    @Get('callback')
    @UseGuards(OAuthGuard)
    callback(@Req() request: any) {
      return { user: request.user, session: { ...request.session } };
    }

    @Get('look')
    look(@Req() request: any) {
      return { user: request.user ?? null, session: { ...request.session } };
    }
  }

  @Module({
    imports: [PassportModule.register({ session: true }), PassportSessions],
    controllers: [OAuthController],
    providers: [OAuthStrategy, Serializer],
  })
  class OAuthModule {}

  return {
    imports: [OAuthModule],
    prepare(app: INestApplication): void {
      app.use(passport.initialize());
      app.use(passport.session());
    },
  };
}

describe.each(platforms)('passport-oauth2 with state (%s)', (platform) => {
  const begin = async (browser: Browser): Promise<string> => {
    const { status, headers } = await browser.get('/begin');
    expect(status).toBe(302);
    return new URL(headers.location!).searchParams.get('state')!;
  };

  it.each([false, true])(
    'keeps its state in the session of a guest, which the login replaces (PKCE: %s)',
    async (pkce) => {
      const { url } = await start(platform, application(platform, pkce));
      const browser = new Browser(url);
      const state = await begin(browser);
      const guest = browser.cookie;
      expect(guest).not.toBe('');
      const callback = await browser.get(`/callback?code=c&state=${encodeURIComponent(state)}`);
      expect(callback.status).toBe(200);
      expect(callback.json()).toEqual({ user: { id: 'alice' }, session: { passport: { user: 'alice' } } });
      expect((await browser.get('/look')).json().user).toEqual({ id: 'alice' });
      expect((await browser.get('/look', { cookie: guest })).json()).toEqual({ user: null, session: {} });
    },
  );

  it('refuses a state of another session', async () => {
    const { url } = await start(platform, application(platform, false));
    const attacker = new Browser(url);
    const state = await begin(attacker);
    const victim = new Browser(url);
    await begin(victim);
    expect((await victim.get(`/callback?code=c&state=${encodeURIComponent(state)}`)).status).toBe(401);
    expect((await new Browser(url).get(`/callback?code=c&state=${encodeURIComponent(state)}`)).status).toBe(
      401,
    );
    expect((await victim.get('/look')).json().user).toBeNull();
  });

  it('a state is good for one login', async () => {
    const { url } = await start(platform, application(platform, false));
    const browser = new Browser(url);
    const state = await begin(browser);
    const callback = `/callback?code=c&state=${encodeURIComponent(state)}`;
    expect((await browser.get(callback)).status).toBe(200);
    expect((await browser.get(callback)).status).toBe(401);
  });
});
