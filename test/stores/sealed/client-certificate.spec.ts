import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { SessionModule } from 'nest-sessions';
import { SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../../support/app.js';
import { platforms, SECRET, type PlatformName } from '../../support/platforms.js';
import { describeWith } from '../../support/servers.js';

interface Identity {
  key: Buffer;
  cert: Buffer;
}

/** A key and a self-signed certificate: the binding needs only the proof of the key. */
function identity(name: string): Identity {
  const directory = mkdtempSync(join(tmpdir(), 'sessions-certificate-'));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const args = [
    'req',
    '-x509',
    '-nodes',
    ...curve,
    '-keyout',
    key,
    '-out',
    cert,
    '-subj',
    `/CN=${name}`,
    '-days',
    '1',
  ];
  try {
    execFileSync('openssl', args, { stdio: 'ignore' });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function run(platform: PlatformName, server: Identity): Promise<INestApplication> {
  const store = new SealedCookie({ format: 'liu', bindTo: 'client-certificate' });
  const module = await Test.createTestingModule({
    imports: [SessionModule.forRoot({ secret: SECRET, store })],
    controllers: [AppController],
  }).compile();
  const https = { ...server, requestCert: true, rejectUnauthorized: false };
  const app =
    platform === 'fastify'
      ? module.createNestApplication(new FastifyAdapter({ https } as never), { logger: false })
      : module.createNestApplication(new ExpressAdapter(), { logger: false, httpsOptions: https });
  await app.listen(0, '127.0.0.1');
  return app;
}

/** One request on a connection of its own, with the certificate of `client`, if it has one. */
function ask(
  app: INestApplication,
  client: Identity | undefined,
  path: string,
  cookie?: string,
  body?: object,
) {
  const { port } = app.getHttpServer().address() as AddressInfo;
  const headers = { 'content-type': 'application/json', ...(cookie && { cookie }) };
  const method = body ? 'POST' : 'GET';
  const tls = { ...client, rejectUnauthorized: false, agent: false as const };
  return new Promise<{ status: number; cookie: string | undefined }>((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, method, headers, ...tls }, (response) => {
      response.resume();
      const cookie = response.headers['set-cookie']?.[0]?.split(';')[0];
      response.on('end', () => resolve({ status: response.statusCode!, cookie }));
    });
    outgoing.on('error', reject);
    outgoing.end(body && JSON.stringify(body));
  });
}

describeWith(
  ['openssl'],
  'apt-get install openssl',
  'the Secure Cookie Protocol with a client certificate',
  () => {
    const [server, owner, thief] = ['localhost', 'owner', 'thief'].map(identity) as [
      Identity,
      Identity,
      Identity,
    ];
    let app: INestApplication;
    afterEach(() => app.close());

    it.each(platforms)(
      'opens a cookie only for a client with the same certificate, on %s',
      async (platform) => {
        app = await run(platform, server);
        const { status, cookie } = await ask(app, owner, '/login', undefined, { user: 'alice' });
        expect(status).toBe(200);
        expect((await ask(app, owner, '/me', cookie)).status).toBe(200);
        expect((await ask(app, thief, '/me', cookie)).status).toBe(401);
        expect((await ask(app, undefined, '/me', cookie)).status).toBe(401);
        expect((await ask(app, owner, '/me', cookie)).status).toBe(200);
        expect((await ask(app, owner, '/logout', cookie, {})).status).toBe(200);
        expect((await ask(app, owner, '/me', cookie)).status).toBe(401);
      },
    );

    it.each(platforms)('rejects a login without a certificate, on %s', async (platform) => {
      app = await run(platform, server);
      const refused = await ask(app, undefined, '/login', undefined, { user: 'alice' });
      expect([refused.status, refused.cookie]).toEqual([500, undefined]);
    });
  },
);
