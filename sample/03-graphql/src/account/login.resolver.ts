import { UnauthorizedException } from '@nestjs/common';
import { Args, Mutation, Resolver } from '@nestjs/graphql';
import { CurrentUser, Logout, Public, Session, SessionService } from 'nest-sessions';
import { UsersService, type User } from '../users/users.service.js';
import { LoginArgs, ReloginArgs } from './account.args.js';
import { Me } from './me.model.js';

@Resolver()
export class LoginResolver {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
  ) {}

  /** A new session: of the visitor's the notes come along, and nothing else. */
  @Mutation(() => Me)
  @Public()
  async login(@Session() session: Session, @Args() { login, password }: LoginArgs): Promise<Me> {
    const user = await this.users.verify(login, password);
    if (!user) throw new UnauthorizedException('User name or password is wrong.');
    await this.sessions.login(user.id, { session, keep: ['notes'] });
    return user;
  }

  /** Asked for after ERR_RELOGIN_REQUIRED. Of the user of the session: nobody else can make it fresh. */
  @Mutation(() => Me)
  async relogin(
    @Session() session: Session,
    @CurrentUser() user: User,
    @Args() { password }: ReloginArgs,
  ): Promise<Me> {
    if (!(await this.users.verify(user.login, password))) {
      throw new UnauthorizedException('That is not the password.');
    }
    await this.sessions.relogin({ session });
    return user;
  }

  /** The decorator ends the session. Public, so that whoever is logged out already gets the same answer. */
  @Mutation(() => Boolean)
  @Public()
  @Logout()
  logout(): boolean {
    return true;
  }
}
