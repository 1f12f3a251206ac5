import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { AboutController } from './about.controller.js';

@Module({ imports: [AuthModule], controllers: [AboutController] })
export class AppModule {}
