import { Args, GraphQLISODateTime, Mutation, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { CurrentUser, Public, Relogin, Session } from 'nest-sessions';
import { UsersService, type User } from '../users/users.service.js';
import { EmailArgs } from './account.args.js';
import { Me } from './me.model.js';

@Resolver(() => Me)
export class MeResolver {
  constructor(private readonly users: UsersService) {}

  /** Null for a visitor. */
  @Query(() => Me, { nullable: true })
  @Public()
  me(@Session() session: Session): Me | undefined {
    return session.loggedIn ? this.users.byId(session.subject) : undefined;
  }

  // Fields have the session of their request, too: after a login in the same request, the new one.
  @ResolveField(() => GraphQLISODateTime, { description: 'When the user last proved who they are.' })
  provedAt(@Session() session: Session): Date {
    return session.authenticatedAt()!;
  }

  @ResolveField(() => GraphQLISODateTime, {
    nullable: true,
    description: 'Until when no password is asked for. Null: it is asked for now.',
  })
  freshUntil(@Session() session: Session): Date | undefined {
    return session.freshUntil();
  }

  /** Whoever sits down at a computer that was left logged in must not take the account over. */
  @Mutation(() => Me, { nullable: true })
  @Relogin()
  changeEmail(@CurrentUser() user: User, @Args() { email }: EmailArgs): Me {
    return this.users.changeEmail(user.id, email);
  }
}
