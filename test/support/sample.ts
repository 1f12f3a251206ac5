import type { Server } from 'node:http';
import type { INestApplication, NestApplicationOptions } from '@nestjs/common';
import type { Certificate } from './certificate.js';

interface SampleModule {
  createApp(settings: object, options: NestApplicationOptions): Promise<INestApplication>;
}

export interface ListeningSample {
  app: INestApplication;
  url: string;
}

interface Listening {
  host?: string | undefined;
  port?: number;
  certificate?: Certificate;
}

/** The users of all samples, and their passwords. */
export const DEMO_PASSWORDS = { alice: 'a-cup-of-tea', bob: 'two-lumps-please' };

/** A file of a sample's source, by a name that the compiler does not follow: samples have packages of their own. */
export const importSample = async <Module>(path: string): Promise<Module> =>
  (await import(`../../sample/${path}`)) as Module;

/**
 * Starts a sample in this process.
 *
 * @param source the folder of its `create-app.ts`, in `sample/`
 * @param listening by default `localhost`, as people open it, over HTTP; over HTTPS with a certificate
 */
export async function startSample(
  source: string,
  settings: object,
  { host = 'localhost', port = 0, certificate }: Listening = {},
): Promise<ListeningSample> {
  const { createApp } = await importSample<SampleModule>(`${source}/create-app.js`);
  const { key, cert } = certificate ?? {};
  const app = await createApp(settings, {
    logger: false,
    ...(certificate && { httpsOptions: { key, cert } }),
  });
  await app.listen(port, host);
  const address = app.getHttpServer().address() as { port: number };
  return { app, url: `${certificate ? 'https' : 'http'}://${host}:${address.port}` };
}

/**
 * Closes a sample while a browser has pages of it. A browser keeps a spare connection, on which it has sent nothing yet; Node
 * takes that for one that is in use, and would wait for it.
 */
export async function closeSample({ app }: ListeningSample): Promise<void> {
  const server = app.getHttpServer() as Server;
  const cutting = setInterval(() => server.closeAllConnections(), 20);
  await app.close().finally(() => clearInterval(cutting));
}
