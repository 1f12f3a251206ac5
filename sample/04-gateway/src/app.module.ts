import { Module, type DynamicModule } from '@nestjs/common';
import { SessionModule } from 'nest-sessions';
import { AccountModule } from './account/account.module.js';
import { ChatModule } from './chat/chat.module.js';
import type { Settings } from './settings.js';
import { UsersModule } from './users/users.module.js';
import { UsersService } from './users/users.service.js';

@Module({ imports: [AccountModule, ChatModule] })
export class AppModule {
  static with(settings: Settings): DynamicModule {
    return { module: AppModule, imports: [sessions(settings)] };
  }
}

const sessions = ({ secret, reloginWindow, clock }: Settings): DynamicModule =>
  SessionModule.forRootAsync({
    // Requests and messages alike need a login, but for what is marked @Public().
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
