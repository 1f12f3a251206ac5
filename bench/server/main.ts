import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { DynamicModule, INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { contender } from '../contenders.js';
import { cookieSession, expressSession, ironSession } from './express-peers.js';
import { fastifySession, secureSession } from './fastify-peers.js';
import { ours } from './ours.js';
import { installParts } from './parts.js';
import { peerModule, type Peer } from './peers.js';
import { plain } from './plain.js';
import { fill } from './prefill.js';
import type { FromServer, ServerSettings } from './settings.js';

const settings = JSON.parse(process.argv[2]!) as ServerSettings;
const { platform, kind, name, parts = [] } = contender(settings.contender);

process.on('message', (message) => {
  if (message === 'usage') {
    const { user, system } = process.cpuUsage();
    tell({ type: 'usage', cpu: user + system, heap: process.memoryUsage().heapUsed });
  }
});
process.on('disconnect', () => process.exit(0));

const peer = kind === 'peer' ? await peerOf(name) : undefined;
const app = await create(await moduleOf(peer));
await peer?.install(app);
if (kind === 'scale') installParts(app, platform, parts);
await app.listen(0, '127.0.0.1');
if (kind === 'ours') await fill(app, settings);
// Connections wait for their turn while others are measured, and some before their first request.
Object.assign(app.getHttpServer(), { keepAliveTimeout: 3_600_000, headersTimeout: 0, requestTimeout: 0 });
const { port } = app.getHttpServer().address() as { port: number };
tell({ type: 'ready', port });

function create(module: DynamicModule): Promise<INestApplication> {
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  return NestFactory.create(module, adapter, { logger: ['error'] });
}

async function moduleOf(peer: Peer | undefined): Promise<DynamicModule> {
  if (peer) return peerModule(peer, settings.rolling);
  return kind === 'ours' ? ours(settings, parts) : plain(parts);
}

function peerOf(name: string): Promise<Peer> {
  switch (name) {
    case 'express-session':
    case 'connect-redis':
    case 'connect-pg-simple':
      return expressSession(settings);
    case 'cookie-session':
      return cookieSession();
    case 'iron-session':
      return ironSession();
    case 'fastify-session':
      return fastifySession();
    case 'fastify-secure-session':
      return secureSession();
    default:
      throw new Error(`no peer "${name}"`);
  }
}

function tell(message: FromServer): void {
  process.send!(message);
}
