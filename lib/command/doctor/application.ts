import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { INestApplicationContext, Type } from '@nestjs/common';
import type * as NestCore from '@nestjs/core';
import { UsageError } from '../../attack/errors.js';
import type { SessionEngine } from '../../core/engine.js';
import { causeOf } from '../../core/storage/health/error-cause.js';
import { isSessionError } from '../../core/util/errors.js';
import type { SessionSettings } from '../../nest/options/session.settings.js';
import { SESSION_ENGINE, SESSION_SETTINGS } from '../../nest/options/tokens.js';
import { within } from './within.js';

/** What `Module()` and `Global()` of Nest leave on a class. */
const MODULE_METADATA = ['imports', 'providers', 'controllers', 'exports'];

/** Milliseconds that the application may take to close. */
const CLOSE_TIMEOUT = 5_000;

/** A running application, as far as its sessions go. */
export interface Application {
  settings: SessionSettings;
  engine: SessionEngine;
  close(): Promise<void>;
}

/** Why there is no application to look at. */
export interface Failure {
  finding: string;
  /** Left out where the finding says what to do. */
  remedy?: string;
}

/**
 * Starts the application of a compiled module without listening: its hooks run, so that its stores are connected.
 *
 * @param timeout in milliseconds
 * @throws UsageError for a file that cannot be loaded, or has no module
 */
export async function startApplication(
  { file, name }: { file: string; name: string | undefined },
  timeout: number,
): Promise<Application | Failure> {
  const { NestFactory } = await loadNest();
  const loaded = await load(file, timeout);
  if ('failure' in loaded) return failureOf(loaded.failure);
  const module = moduleOf(loaded.exports, file, name);
  let context: INestApplicationContext;
  try {
    const starting = NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
    context = await within(starting, timeout, `it did not start within ${timeout / 1000} s`);
  } catch (error) {
    return failureOf(error);
  }
  const settings = provided<SessionSettings>(context, SESSION_SETTINGS);
  const engine = provided<SessionEngine>(context, SESSION_ENGINE);
  const close = (): Promise<void> =>
    within(context.close(), CLOSE_TIMEOUT, 'it does not close').catch(() => undefined);
  if (settings && engine) return { settings, engine, close };
  await close();
  return {
    finding: 'No module of the application imports SessionModule.',
    remedy: 'Give the root module, or import SessionModule.forRoot() in it.',
  };
}

/** The application's own, beside which this library is installed. */
async function loadNest(): Promise<Pick<typeof NestCore, 'NestFactory'>> {
  try {
    return await import('@nestjs/core');
  } catch {
    throw new UsageError(
      'Nest was not found. Install nest-sessions in the application, and run it there: npx nest-sessions doctor dist/app.module.js',
    );
  }
}

type Loaded = { exports: Record<string, unknown> } | { failure: unknown };

/** @throws UsageError for a file that is none of a compiled application */
async function load(file: string, timeout: number): Promise<Loaded> {
  const late = `it took longer than ${timeout / 1000} s`;
  try {
    const loading = import(pathToFileURL(resolve(file)).href) as Promise<Record<string, unknown>>;
    return { exports: await within(loading, timeout, late) };
  } catch (error) {
    const isCompiled = existsSync(resolve(file)) && /\.[cm]?js$/.test(file);
    const { name, message } = error as Partial<Error>;
    // Modules call forRoot(), and read the environment, while they are loaded: then it is the application that fails.
    if (isCompiled && name !== 'SyntaxError' && message !== late) return { failure: error };
    throw new UsageError(
      `${file} cannot be loaded: ${causeOf(error)}. Give the compiled module, such as dist/app.module.js, after npm run build.`,
    );
  }
}

function moduleOf(exported: Record<string, unknown>, file: string, name: string | undefined): Type {
  const inner = exported['default'];
  // What a CommonJS file exports is below "default" as well, and there it is complete.
  const all = typeof inner === 'object' && inner !== null ? { ...exported, ...inner } : exported;
  if (name !== undefined) {
    // One with nothing in it leaves no trace on its class.
    if (typeof all[name] === 'function') return all[name] as Type;
    throw new UsageError(`${file} exports no module "${name}".`);
  }
  if (isModule(all['AppModule'])) return all['AppModule'];
  const modules = [...new Set(Object.values(all).filter(isModule))];
  if (modules.length === 1) return modules[0]!;
  throw new UsageError(
    modules.length === 0
      ? `${file} exports no module of Nest.`
      : `${file} exports ${modules.length} modules: name one with --export.`,
  );
}

const isModule = (value: unknown): value is Type =>
  typeof value === 'function' && MODULE_METADATA.some((key) => Reflect.hasMetadata(key, value));

function provided<T>(context: INestApplicationContext, token: symbol): T | undefined {
  try {
    return context.get<T>(token, { strict: false });
  } catch {
    return undefined;
  }
}

function failureOf(error: unknown): Failure {
  // Its message has the remedy, and no secret.
  if (isSessionError(error))
    return {
      finding: `The application does not start: ${error.message}`,
      ...(/\bsecret: it is missing/.test(error.message) && {
        remedy: 'If the application reads it from a file, name that: --env .env.',
      }),
    };
  return {
    finding: `The application does not start: ${causeOf(error).replace(/\.$/, '')}.`,
    remedy: 'Set the variables of the environment that it needs (--env .env), and start what it connects to.',
  };
}
