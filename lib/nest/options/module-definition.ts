import { ConfigurableModuleBuilder, type DynamicModule, type Provider } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Concealed } from '../../core/util/concealed.js';
import { LoginGuard } from '../guards/login.guard.js';
import { checkModuleExtras } from './shapes/options.shape.js';
import type { SessionModuleExtras, SessionModuleOptions } from './session.options.js';
import { SESSION_OPTIONS } from './tokens.js';

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<SessionModuleOptions>({ optionsInjectionToken: SESSION_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createSessionOptions')
    .setExtras<SessionModuleExtras>({ isGlobal: true, guard: undefined }, withExtras)
    .build();

function withExtras(definition: DynamicModule, extras: SessionModuleExtras): DynamicModule {
  checkModuleExtras(extras);
  const { isGlobal = true, guard } = extras;
  const providers = [...(definition.providers ?? [])];
  if (guard === 'login') providers.push({ provide: APP_GUARD, useExisting: LoginGuard });
  return { ...definition, global: isGlobal, providers };
}

/** The options as the container holds them: their secret is not to be seen by who looks at providers. */
export type ConcealedOptions = Omit<SessionModuleOptions, 'secret'> & {
  secret: Concealed<SessionModuleOptions['secret']>;
};

/** The same module, whose options show no secret to `util.inspect` and `JSON.stringify`. */
export function concealing(module: DynamicModule): DynamicModule {
  return { ...module, providers: module.providers?.map(concealed) };
}

function concealed(provider: Provider): Provider {
  if (!('provide' in provider) || provider.provide !== SESSION_OPTIONS) return provider;
  if ('useValue' in provider) return { ...provider, useValue: concealSecret(provider.useValue) };
  if (!('useFactory' in provider)) return provider;
  const make = provider.useFactory as (...args: unknown[]) => unknown;
  return { ...provider, useFactory: async (...args: unknown[]) => concealSecret(await make(...args)) };
}

/** What is no object, or has no secret, is for the check of the options to refuse. */
function concealSecret(options: unknown): unknown {
  if (typeof options !== 'object' || options === null || !('secret' in options)) return options;
  return { ...options, secret: new Concealed(options.secret) };
}

/** For the check of the options, and nothing that lives longer. A test may have put plain options in their place. */
export function revealSecret(options: ConcealedOptions | SessionModuleOptions): SessionModuleOptions {
  const { secret } = (options ?? {}) as Partial<ConcealedOptions>;
  return secret instanceof Concealed
    ? { ...options, secret: secret.reveal() }
    : (options as SessionModuleOptions);
}
