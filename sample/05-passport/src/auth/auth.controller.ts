import { Controller, Get, Post, Req, UseGuards } from '@nestjs/common';
import type { AuthRequest } from './auth.request.js';
import { AuthenticatedGuard } from './authenticated.guard.js';
import { LocalAuthGuard } from './local-auth.guard.js';

@Controller('auth')
export class AuthController {
  @Post('login')
  @UseGuards(LocalAuthGuard)
  login(@Req() request: AuthRequest) {
    request.session.loggedInAt = Date.now();
    return this.me(request);
  }

  @Get('me')
  @UseGuards(AuthenticatedGuard)
  me(@Req() { user, session }: AuthRequest) {
    session.visits = (session.visits ?? 0) + 1;
    return { name: user.name, email: user.email, loggedInAt: session.loggedInAt, visits: session.visits };
  }

  @Post('logout')
  logout(@Req() request: AuthRequest) {
    return new Promise<void>((resolve, reject) =>
      request.logout((error) => (error ? reject(error) : resolve())),
    );
  }
}
