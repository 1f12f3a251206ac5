import { Module, type DynamicModule } from '@nestjs/common';
import { SessionModule } from 'nest-sessions';
import { EventLog } from './event-log.js';
import { PageController } from './page.controller.js';
import type { Settings } from './settings.js';

@Module({ controllers: [PageController], providers: [EventLog] })
export class AppModule {
  static with({ secret, clock }: Settings): DynamicModule {
    const sessions = SessionModule.forRoot({
      secret,
      deviceBound: { cookieLifetime: '5m' },
      ...(clock && { clock }),
    });
    return { module: AppModule, imports: [sessions] };
  }
}
