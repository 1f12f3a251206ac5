import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { DevicesResolver } from './devices.resolver.js';
import { LoginResolver } from './login.resolver.js';
import { MeResolver } from './me.resolver.js';

@Module({ imports: [UsersModule], providers: [LoginResolver, MeResolver, DevicesResolver] })
export class AccountModule {}
