import { randomBytes } from 'node:crypto';
import { Module } from '@nestjs/common';
import { SessionModule } from 'nest-sessions';
import { EventLog } from './log.js';
import { PageController } from './page.controller.js';

@Module({
  imports: [
    SessionModule.forRoot({
      // A start of its own logs everybody out: it is a demo, and the store is in memory.
      secret: process.env['SESSION_SECRET'] ?? randomBytes(32),
      deviceBound: { cookieLifetime: '5m' },
    }),
  ],
  controllers: [PageController],
  providers: [EventLog],
})
export class AppModule {}
