import { AsyncLocalStorage } from 'node:async_hooks';
import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  Injectable,
  Module,
  type CallHandler,
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  type INestApplication,
  type MiddlewareConsumer,
  type NestInterceptor,
  type NestModule,
  type Provider,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Part, Platform } from '../contenders.js';
import { MEANINGLESS, subjectOf } from '../profiles.js';

/** Who is asked for, in the application without sessions. */
export const ME = { subject: subjectOf(0), locale: 'de' };

type Found = typeof ME | undefined;
type Hook = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

const storage = new AsyncLocalStorage<{ found: Found }>();
const sessions = new Map([[nameOf(MEANINGLESS), ME]]);

@Injectable()
class NoOpGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Injectable()
class NoOpInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle();
  }
}

@Module({})
class PartsModule {}

@Module({})
class MiddlewareModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(enter).forRoutes('{*path}');
  }
}

/** What a module of Nest's can bring of it. */
export function partsModule(parts: readonly Part[]): DynamicModule {
  const providers: Provider[] = [];
  if (parts.includes('guard')) providers.push({ provide: APP_GUARD, useClass: NoOpGuard });
  if (parts.includes('interceptor')) providers.push({ provide: APP_INTERCEPTOR, useClass: NoOpInterceptor });
  const module = parts.includes('middleware') ? MiddlewareModule : PartsModule;
  return { module, providers };
}

/** The rest, before the application starts. */
export function installParts(app: INestApplication, platform: Platform, parts: readonly Part[]): void {
  if (parts.includes('response')) install(app, platform, wrap);
  if (parts.includes('lookup')) install(app, platform, recognise);
  else if (parts.includes('hook')) install(app, platform, enter);
}

function install(app: INestApplication, platform: Platform, hook: Hook): void {
  if (platform === 'express') {
    app.use(hook);
    return;
  }
  const fastify = (app as NestFastifyApplication).getHttpAdapter().getInstance();
  fastify.addHook('onRequest', (request, reply, done) => hook(request.raw, reply.raw, done));
}

function enter(_request: IncomingMessage, _response: ServerResponse, next: () => void): void {
  storage.run({ found: undefined }, next);
}

function recognise({ headers }: IncomingMessage, _response: ServerResponse, next: () => void): void {
  const { cookie } = headers;
  const value = cookie?.slice(cookie.indexOf('=') + 1);
  storage.run({ found: value === undefined ? undefined : sessions.get(nameOf(value)) }, next);
}

function nameOf(value: string): string {
  return hash('sha256', value, 'base64url');
}

/** Methods of its own for the response, which do what they did. */
function wrap(_request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const { writeHead, end } = response;
  response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    return Reflect.apply(writeHead, this, args);
  };
  response.end = function (this: ServerResponse, ...args: unknown[]) {
    return Reflect.apply(end, this, args);
  };
  next();
}

/** Whom the hook found. */
export const found = (): Found => storage.getStore()?.found;
