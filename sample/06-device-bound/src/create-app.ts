import type { INestApplication, NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import type { Settings } from './settings.js';

/** The application, ready to listen; its certificate is in `httpsOptions`. */
export const createApp = (settings: Settings, options: NestApplicationOptions): Promise<INestApplication> =>
  NestFactory.create(AppModule.with(settings), options);
