import { Module, type DynamicModule } from '@nestjs/common';
import { SessionModule } from 'nest-sessions';
import { PassportSessions } from 'nest-sessions/passport';
import { AboutController } from './about.controller.js';
import { AccountModule } from './account/account.module.js';
import { AuthModule } from './auth/auth.module.js';
import { fromBefore } from './migration.js';
import type { Settings } from './settings.js';

@Module({
  imports: [
    AuthModule,
    PassportSessions, // the line that is added to the recipe
    AccountModule,
  ],
  controllers: [AboutController],
})
export class AppModule {
  /** SessionModule takes the place of `app.use(session(…))`. */
  static with({ secret, reloginWindow, old, clock }: Settings): DynamicModule {
    const sessions = SessionModule.forRoot({
      secret,
      relogin: { within: reloginWindow },
      migrate: [fromBefore(old)],
      ...(clock && { clock }),
    });
    return { module: AppModule, imports: [sessions] };
  }
}
