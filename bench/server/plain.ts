import {
  Controller,
  Get,
  HttpCode,
  Injectable,
  Module,
  Post,
  UseGuards,
  type CanActivate,
  type DynamicModule,
} from '@nestjs/common';
import type { Part } from '../contenders.js';
import { sessionData } from '../profiles.js';
import { found, ME, partsModule } from './parts.js';

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
  me(): object {
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

/** Who is asked for is whom the framework's hook found. */
@Controller()
class FloorController extends PlainController {
  @Get('me')
  override me() {
    return { ...found() };
  }
}

@Module({})
class PlainModule {}

export const plain = (parts: readonly Part[]): DynamicModule => ({
  module: PlainModule,
  imports: [partsModule(parts)],
  controllers: [parts.includes('lookup') ? FloorController : PlainController],
});
