import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { DevicesController } from './devices.controller.js';
import { LoginController } from './login.controller.js';

@Module({ imports: [UsersModule], controllers: [LoginController, DevicesController] })
export class AccountModule {}
