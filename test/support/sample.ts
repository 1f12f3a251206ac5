import type { INestApplication } from '@nestjs/common';

interface SampleModule {
  createApp(settings: object, options: { logger: false }): Promise<INestApplication>;
}

export interface ListeningSample {
  app: INestApplication;
  url: string;
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
 * @param host by default `localhost`, as people open it
 */
export async function startSample(
  source: string,
  settings: object,
  { host = 'localhost', port = 0 } = {},
): Promise<ListeningSample> {
  const { createApp } = await importSample<SampleModule>(`${source}/create-app.js`);
  const app = await createApp(settings, { logger: false });
  await app.listen(port, host);
  const address = app.getHttpServer().address() as { port: number };
  return { app, url: `http://${host}:${address.port}` };
}
