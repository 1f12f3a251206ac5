import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module, type DynamicModule } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { SessionModule } from 'nest-sessions';
import { AccountModule } from './account/account.module.js';
import { NotesModule } from './notes/notes.module.js';
import type { Settings } from './settings.js';
import { UsersModule } from './users/users.module.js';
import { UsersService } from './users/users.service.js';

@Module({
  imports: [
    GraphQLModule.forRoot<ApolloDriverConfig>({
      driver: ApolloDriver,
      autoSchemaFile: true,
      // Apollo's own page loads its scripts from another site.
      playground: false,
      includeStacktraceInErrorResponses: false,
    }),
    AccountModule,
    NotesModule,
  ],
})
export class AppModule {
  static with(settings: Settings): DynamicModule {
    return { module: AppModule, imports: [sessions(settings)] };
  }
}

const sessions = ({ secret, reloginWindow, clock }: Settings): DynamicModule =>
  SessionModule.forRootAsync({
    // Every query and mutation needs a login, but for those marked @Public(): what somebody forgets to mark is closed.
    guard: 'login',
    imports: [UsersModule],
    inject: [UsersService],
    useFactory: (users: UsersService) => ({
      secret,
      relogin: { within: reloginWindow },
      // What @CurrentUser() hands out.
      user: (subject) => users.byId(subject),
      ...(clock && { clock }),
    }),
  });
