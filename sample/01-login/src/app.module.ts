import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { LoginGuard, SessionModule, type SessionModuleOptions } from 'nest-sessions';
import { AccountModule } from './account/account.module.js';
import { AuthModule } from './auth/auth.module.js';
import { ErrorPages } from './http/error-pages.filter.js';
import { Settings } from './settings.js';
import { SettingsModule } from './settings.module.js';
import { ShopModule } from './shop/shop.module.js';
import { PagesModule } from './views/pages.module.js';

@Module({
  imports: [
    SessionModule.forRootAsync({ inject: [Settings], useFactory: sessionOptions }),
    PagesModule,
    ShopModule,
    AuthModule,
    AccountModule,
  ],
  providers: [
    // Everything needs a login, but for what says @Public(). A new page that somebody forgets to mark is closed, not open.
    { provide: APP_GUARD, useExisting: LoginGuard },
    { provide: APP_FILTER, useClass: ErrorPages },
  ],
})
export class AppModule {
  static with(settings: Settings): DynamicModule {
    return { module: AppModule, imports: [SettingsModule.of(settings)] };
  }
}

function sessionOptions({ secret, reloginWindow, clock, store }: Settings): SessionModuleOptions {
  return {
    secret,
    relogin: { within: reloginWindow, url: '/login/again' },
    ...(clock && { clock }),
    ...(store && { store }),
  };
}
