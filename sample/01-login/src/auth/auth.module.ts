import { Module } from '@nestjs/common';
import { LoginController } from './login.controller.js';
import { LogoutController } from './logout.controller.js';
import { ReloginController } from './relogin.controller.js';
import { UsersService } from './users.service.js';

@Module({
  controllers: [LoginController, ReloginController, LogoutController],
  providers: [UsersService],
  exports: [UsersService],
})
export class AuthModule {}
