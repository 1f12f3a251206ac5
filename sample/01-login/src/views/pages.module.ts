import { Global, Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { Pages } from './pages.js';

@Global()
@Module({ imports: [AuthModule], providers: [Pages], exports: [Pages] })
export class PagesModule {}
