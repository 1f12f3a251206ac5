import { AsyncLocalStorage } from 'node:async_hooks';
import {
  Controller,
  Get,
  HttpCode,
  Injectable,
  Module,
  Post,
  type CallHandler,
  type DynamicModule,
  type ExecutionContext,
  type MiddlewareConsumer,
  type NestInterceptor,
  type NestModule,
  UseGuards,
  type CanActivate,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { sessionData, subjectOf } from '../profiles.js';

const ME = { subject: subjectOf(0), locale: 'de' };
const EVERYTHING = { keys: Object.keys(sessionData(54_000)).length };

@Injectable()
class OpenGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

/** The same routes with nothing behind them: the scale. */
@Controller()
class PlainController {
  @Get('anonymous')
  anonymous() {
    return { ok: true };
  }

  @Get('me')
  me() {
    return { ...ME };
  }

  @Get('guarded')
  @UseGuards(OpenGuard)
  guarded() {
    return { ...ME };
  }

  @Get('everything')
  everything() {
    return { ...EVERYTHING };
  }

  @Post('write')
  @HttpCode(200)
  write() {
    return { n: 1 };
  }
}

const storage = new AsyncLocalStorage<object>();

@Injectable()
class NoOpInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

@Module({ controllers: [PlainController] })
class PlainModule {}

/** The least that a module of Nest's can do which sees every request and its handler. */
@Module({
  controllers: [PlainController],
  providers: [{ provide: APP_INTERCEPTOR, useClass: NoOpInterceptor }],
})
class FloorModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply((request: object, _response: unknown, next: () => void) => storage.run(request, next))
      .forRoutes('{*path}');
  }
}

export const plain = (): DynamicModule => ({ module: PlainModule });
export const floor = (): DynamicModule => ({ module: FloorModule });
