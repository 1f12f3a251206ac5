import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { AccountController } from './account.controller.js';
import { CookieController } from './cookie.controller.js';
import { DevicesController } from './devices.controller.js';
import { EmailController } from './email.controller.js';
import { FreshnessController } from './freshness.controller.js';
import { Freshness } from './freshness.js';

@Module({
  imports: [AuthModule],
  controllers: [AccountController, EmailController, DevicesController, CookieController, FreshnessController],
  providers: [Freshness],
})
export class AccountModule {}
