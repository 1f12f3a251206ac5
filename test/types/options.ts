/** Only compiled: which options the compiler takes, and which not. */
import { Controller, Get } from '@nestjs/common';
import { IsOptional, IsString } from 'class-validator';
import {
  CurrentSession,
  Logout,
  MemoryStore,
  Relogin,
  Session,
  SessionModule,
  type ClearSiteDataType,
  type Duration,
  type SessionModuleOptions,
  type SessionOptionsFactory,
  type SessionStore,
} from 'nest-sessions';
import { z } from 'zod';

class Shape {
  @IsOptional() @IsString() name?: string;
}

class Factory implements SessionOptionsFactory {
  createSessionOptions(): SessionModuleOptions {
    return { secret };
  }
}

declare const secret: string;
declare const store: SessionStore;

export const accepted: SessionModuleOptions[] = [
  { secret },
  { secret: [secret, secret], store, lifetime: '31d', idle: 30_000, rotateEvery: false },
  { secret: Buffer.from(secret) },
  { secret: [secret, new Uint8Array(32)] },
  { secret, store: new MemoryStore({ maxCount: 10 }), data: Shape },
  { secret, data: z.object({ name: z.string() }) },
  { secret, remember: { lifetime: '60d' }, relogin: { within: '5m', url: '/again' } },
  { secret, cookie: { name: '__Host-id', sameSite: 'strict', partitioned: true, priority: 'high' } },
  { secret, maxSessions: (subject) => (subject === 'kiosk' ? undefined : 3), onExceeded: 'reject' },
  { secret, protection: (now, then) => (now.ip === then.ip ? 'ok' : 'relogin') },
  { secret, crossOrigin: { allow: ['https://app.example.com'] }, exclude: ['health'] },
];

const cleared: readonly ClearSiteDataType[] = ['cache', 'storage'];
accepted.push({ secret, clearSiteData: cleared, login: { url: '/login' } });
// @ts-expect-error no such type of data
export const uncleared: ClearSiteDataType = 'cookie';

export const modules = [
  SessionModule.forRoot({ secret }),
  SessionModule.forRootAsync({ useFactory: () => ({ secret }) }),
  SessionModule.forRootAsync({ useFactory: async (key: string) => ({ secret: key }), inject: ['KEY'] }),
  SessionModule.forRootAsync({ useClass: Factory }),
  SessionModule.forRootAsync({ useExisting: Factory }),
  SessionModule.forRoot({ secret, isGlobal: false, guard: 'login' }),
  SessionModule.forRootAsync({ useClass: Factory, isGlobal: false, guard: 'login' }),
];

// @ts-expect-error the secret is required
export const unsigned: SessionModuleOptions = {};
// @ts-expect-error an environment variable that may not be set
export const unset: SessionModuleOptions = { secret: [secret, process.env['OLD_SECRET']] };
// @ts-expect-error no such option
export const unknown: SessionModuleOptions = { secret, maxAge: 1 };
// @ts-expect-error no such word
export const sameSite: SessionModuleOptions = { secret, cookie: { sameSite: 'sometimes' } };
// @ts-expect-error HttpOnly is not for choice
export const readable: SessionModuleOptions = { secret, cookie: { httpOnly: false } };
// @ts-expect-error not a store
export const elsewhere: SessionModuleOptions = { secret, store: new Map() };
// @ts-expect-error not a verdict
export const lax: SessionModuleOptions = { secret, protection: () => 'perhaps' };
// @ts-expect-error a factory gives options
SessionModule.forRootAsync({ useFactory: () => ({ idle: '5m' }) });

// @ts-expect-error no such guard
SessionModule.forRoot({ secret, guard: 'relogin' });
// @ts-expect-error the guard stands beside the factory
SessionModule.forRootAsync({ useFactory: (): SessionModuleOptions => ({ secret, guard: 'login' }) });

export const durations: Duration[] = [1, '1ms', '10s', '5m', '12h', '31d', '2w', '1y'];
// @ts-expect-error no such unit
export const moons: Duration = '3 moons';
// @ts-expect-error without a unit it is not clear
export const bare: Duration = '300';

@Controller()
export class TypedController {
  /** One name for the decorator and the type. */
  @Get()
  @Relogin({ within: '5m', factor: 'otp' })
  @Logout({ everywhere: true })
  byName(@Session() session: Session<Shape>, @CurrentSession('name') name: string | undefined) {
    return [session.data.name, name];
  }

  @Get('window')
  // @ts-expect-error a window is a span of time
  @Relogin('lately')
  wrong() {}
}
