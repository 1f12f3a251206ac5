import {
  Controller,
  Get,
  Injectable,
  Module,
  Post,
  Req,
  Request,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import type { CanActivate, ExecutionContext, INestApplication, Type } from '@nestjs/common';
import { AuthGuard, PassportModule, PassportSerializer, PassportStrategy } from '@nestjs/passport';
import flash from 'connect-flash';
import { Logout } from 'nest-sessions';
import { PassportSessions, type PassportSessionsOptions } from 'nest-sessions/passport';
import passport from 'passport';
import { Strategy } from 'passport-local';
import type { Setup } from '../support/platforms.js';

export interface User {
  id: string | number;
  username: string;
}

/** The users of the application, and what its serializer does. A spec changes them. */
export const users = {
  all: [] as User[],
  serialize: (user: User): unknown => user.id,
  find: (serialized: unknown): User | undefined => users.all.find(({ id }) => id === serialized),
  reset(): void {
    users.all = [
      { id: 'u1', username: 'alice' },
      { id: 'u2', username: 'bob' },
    ];
    users.serialize = (user) => user.id;
    users.find = (serialized) => users.all.find(({ id }) => id === serialized);
  },
};

@Injectable()
class LocalStrategy extends PassportStrategy(Strategy) {
  constructor() {
    super();
  }

  async validate(username: string, password: string): Promise<User> {
    const user = users.all.find((one) => one.username === username);
    if (!user || password !== 'secret') throw new UnauthorizedException();
    return user;
  }
}

@Injectable()
class SessionSerializer extends PassportSerializer {
  serializeUser(user: User, done: (error: unknown, serialized?: unknown) => void): void {
    try {
      done(null, users.serialize(user));
    } catch (error) {
      done(error);
    }
  }

  deserializeUser(serialized: unknown, done: (error: unknown, user?: unknown) => void): void {
    try {
      done(null, users.find(serialized) ?? null);
    } catch (error) {
      done(error);
    }
  }
}

@Injectable()
export class LocalAuthGuard extends AuthGuard('local') {
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const result = (await super.canActivate(context)) as boolean;
    await super.logIn(context.switchToHttp().getRequest());
    return result;
  }
}

@Injectable()
export class AuthenticatedGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ isAuthenticated(): boolean }>().isAuthenticated();
  }
}

const shown = (user: User | undefined) => ({ user: user ? { ...user } : null });

@Controller()
export class RecipeController {
  @Post('login')
  @UseGuards(LocalAuthGuard)
  login(@Request() request: any) {
    return { id: request.session.id, ...shown(request.user) };
  }

  @Get('me')
  @UseGuards(AuthenticatedGuard)
  me(@Request() request: any) {
    return { id: request.session.id, ...shown(request.user) };
  }

  @Get('open')
  open(@Request() request: any) {
    return { ...shown(request.user), session: { ...request.session } };
  }

  @Post('logout')
  async logout(@Request() request: any) {
    await new Promise<void>((done, fail) =>
      request.logout((error?: Error) => (error ? fail(error) : done())),
    );
    return { ...shown(request.user), session: { ...request.session } };
  }

  @Post('logout-keeping')
  async logoutKeeping(@Request() request: any) {
    await new Promise<void>((done, fail) =>
      request.logout({ keepSessionInfo: true }, (error?: Error) => (error ? fail(error) : done())),
    );
    return { session: { ...request.session } };
  }

  @Post('forget')
  @Logout()
  forget() {
    return { ok: true };
  }

  @Post('cart')
  cart(@Req() request: any) {
    request.session.cart = [...(request.session.cart ?? []), 'book'];
    return { ok: true };
  }

  @Post('remember')
  remember(@Req() request: any) {
    request.session.cookie.maxAge = request.body.days * 24 * 3_600_000;
    return { ok: true };
  }

  @Post('notice')
  notice(@Req() request: any) {
    // With two arguments it needs `util.isArray()`, which Node 23 has removed.
    request.flash('info', '%s', 'saved');
    return { ok: true };
  }

  @Get('notice')
  notices(@Req() request: any) {
    return { info: request.flash('info') };
  }
}

/** The application of the Nest documentation's recipe, with `PassportSessions` as the one more line. */
export function recipe(
  options: PassportSessionsOptions = {},
  { keepSessionInfo = false, controllers = [], ...rest }: Setup & { keepSessionInfo?: boolean } = {},
): Setup {
  @Module({
    imports: [
      PassportModule.register({ session: true, ...(keepSessionInfo && { keepSessionInfo }) }),
      PassportSessions.forRoot(options),
    ],
    controllers: [RecipeController, ...controllers] as Type[],
    providers: [LocalStrategy, SessionSerializer],
  })
  class AuthModule {}
  return {
    ...rest,
    imports: [AuthModule, ...(rest.imports ?? [])],
    prepare(app: INestApplication): void {
      app.use(passport.initialize());
      app.use(passport.session());
      app.use(flash());
    },
  };
}
