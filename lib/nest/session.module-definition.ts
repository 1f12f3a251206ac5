import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { SessionModuleOptions } from './session.options.js';
import { SESSION_OPTIONS } from './tokens.js';

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<SessionModuleOptions>({ optionsInjectionToken: SESSION_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createSessionOptions')
    .build();
