import { Body, Controller, Get, HttpCode, Inject, Module, Post, UseGuards } from '@nestjs/common';
import type { DynamicModule, Provider } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import {
  LoginGuard,
  MemoryStore,
  Session,
  SessionInterceptor,
  SessionModule,
  SessionService,
  type SessionModuleOptions,
} from 'nest-sessions';
import type { Part } from '../contenders.js';
import { sessionData } from '../profiles.js';
import { poolOf } from './pool.js';
import { SECRET, type ServerSettings } from './settings.js';

interface Data {
  [key: string]: unknown;
  n: number;
}

@Controller()
class OurController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService<Data>) {}

  @Get('anonymous')
  anonymous() {
    return { ok: true };
  }

  @Get('me')
  me(@Session() session: Session<Data>) {
    return { subject: session.subject ?? null, locale: session.data['locale'] ?? null };
  }

  @Get('guarded')
  @UseGuards(LoginGuard)
  guarded(@Session() session: Session<Data>) {
    return { subject: session.subject ?? null, locale: session.data['locale'] ?? null };
  }

  @Get('everything')
  everything(@Session() session: Session<Data>) {
    return { keys: Object.values(session.data).length };
  }

  @Post('write')
  @HttpCode(200)
  write(@Session() { data }: Session<Data>) {
    data.n = (data.n ?? 0) + 1;
    return { n: data.n };
  }

  @Post('login')
  @HttpCode(200)
  async login(
    @Session() session: Session<Data>,
    @Body() { subject, bytes }: { subject: string; bytes: number },
  ) {
    await this.sessions.login(subject, { session: session as unknown as Session });
    Object.assign(session.data, sessionData(bytes));
    return { ok: true };
  }

  @Get('seen')
  seen(@Session() session: Session<Data>) {
    return { at: session.lastSeenAt.getTime() };
  }
}

@Module({})
class OurModule {}

type Store = Pick<SessionModuleOptions, 'store' | 'context' | 'deviceBound'>;

export async function ours(settings: ServerSettings, parts: readonly Part[]): Promise<DynamicModule> {
  const sessions = SessionModule.forRoot({
    secret: SECRET,
    // A tick that every request is later than.
    ...(settings.rolling && { rollEvery: '1ms', rotateEvery: false as const }),
    ...(settings.still && { rollEvery: '25m' as const }),
    ...(await storeOf(settings)),
  });
  const providers: Provider[] = [];
  if (parts.includes('interceptor'))
    providers.push({ provide: APP_INTERCEPTOR, useExisting: SessionInterceptor });
  return { module: OurModule, imports: [sessions], controllers: [OurController], providers };
}

async function storeOf(settings: ServerSettings): Promise<Store> {
  const { contender, prefill = 0, redis, table = 'bench_sessions' } = settings;
  switch (contender) {
    case 'memory-no-context':
      return { context: false };
    case 'memory-bound':
      return { deviceBound: true };
    case 'redis': {
      const [{ createClient }, { RedisStore }] = await Promise.all([
        import('redis'),
        import('nest-sessions/redis'),
      ]);
      const client = await createClient({ url: redis }).connect();
      return { store: new RedisStore({ client, prefix: 'bench:ours:' }) };
    }
    case 'postgres': {
      const { PostgresStore } = await import('nest-sessions/postgres');
      const pool = await poolOf(settings);
      const store = new PostgresStore({ pool, table });
      await store.migrate();
      return { store };
    }
    case 'sealed':
    case 'fastify-sealed': {
      const { SealedCookie } = await import('nest-sessions/sealed');
      return { store: new SealedCookie() };
    }
    default:
      return { store: new MemoryStore({ maxCount: Math.max(100_000, prefill + 1_000) }) };
  }
}
