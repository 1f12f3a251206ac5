import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MemoryStore, SessionModule } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { sessionData, subjectOf } from '../profiles.js';
import { SECRET } from './settings.js';

/** Prints how many bytes each of so many sessions takes: a user and half a kilobyte of data, and no device. */
const [store, sessions] = [process.argv[2]!, Number(process.argv[3])];
const BYTES = 500;
const HALF_AN_HOUR = 30 * 60_000;

type Put = (i: number) => void | Promise<void>;

/** Data as it comes out of a request: new objects and new texts for each session. */
function fresh(): Record<string, unknown> {
  return JSON.parse(JSON.stringify(sessionData(BYTES))) as Record<string, unknown>;
}

@Module({})
class OurModule {}

/** Logins of an application, so that what is kept beside the record counts. */
async function ours(): Promise<Put> {
  const memory = new MemoryStore({ maxCount: Math.max(100_000, sessions + 2) });
  const module: DynamicModule = {
    module: OurModule,
    imports: [SessionModule.forRoot({ secret: SECRET, store: memory })],
  };
  const app = await NestFactory.create(module, { logger: ['error'] });
  await app.init();
  return async (i) => void (await loginAs(app, subjectOf(i), { data: fresh() }));
}

/** What its middleware hands to the store. */
async function expressSession(): Promise<Put> {
  const { default: session } = await import('express-session');
  const memory = new session.MemoryStore();
  return (i) => {
    const expires = new Date(Date.now() + HALF_AN_HOUR);
    const cookie = { originalMaxAge: HALF_AN_HOUR, expires, httpOnly: true, path: '/' };
    memory.set(randomBytes(24).toString('base64url'), {
      cookie,
      subject: subjectOf(i),
      ...fresh(),
    } as never);
  };
}

const used = (): number => {
  global.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** The store of express-session puts a callback aside for every session. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const put = await (store === 'nest-sessions' ? ours() : expressSession());
// What is loaded or compiled at the first sessions is nobody's weight.
for (let i = 0; i < 50; i++) await put(i);
await settle();
const before = used();
for (let i = 0; i < sessions; i++) {
  await put(i + 50);
  if (i % 10_000 === 0) await settle();
}
await settle();
const bytes = (used() - before) / sessions;
await put(0);
console.log(bytes.toFixed(1));
process.exit(0);
