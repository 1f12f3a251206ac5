import { Controller, Post, Redirect } from '@nestjs/common';
import { Logout, Public } from 'nest-sessions';

@Controller('logout')
export class LogoutController {
  /** The decorator ends the session. Public, so that whoever is logged out already gets the same page. */
  @Post()
  @Public()
  @Logout()
  @Redirect('/?notice=logged-out', 303)
  logout(): void {}
}
