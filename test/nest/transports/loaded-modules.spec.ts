import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { compiled, type Compiled } from '../../support/compiled.js';
import { SECRET } from '../../support/platforms.js';

const run = promisify(execFile);

/** What only one transport needs. Nest itself looks for some of them. */
const OPTIONAL =
  /\/node_modules\/(graphql|graphql-ws|mercurius|ws|socket\.io|express|fastify|dataloader|@apollo|@as-integrations|@nestjs\/(graphql|apollo|mercurius|websockets|microservices|platform-[\w-]+))\//;

/** Writes down which module has which other one loaded. */
const HOOKS = `
import { appendFileSync } from 'node:fs';
let file;
export const initialize = (given) => void (file = given);
export async function resolve(specifier, context, next) {
  const { url, ...rest } = await next(specifier, context);
  appendFileSync(file, JSON.stringify({ by: context.parentURL, url }) + '\\n');
  return { url, ...rest };
}`;

const main = (log: string): string => `
import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(HOOKS)}), { data: ${JSON.stringify(log)} });
const { SessionModule } = await import('nest-sessions');
const imported = process.argv[2] === 'import';
if (!imported) {
  const { NestFactory } = await import('@nestjs/core');
  const app = await NestFactory.create({ module: class {}, imports: [SessionModule.forRoot({ secret: ${JSON.stringify(SECRET)} })] }, { logger: false });
  await app.listen(0, '127.0.0.1');
  await fetch(await app.getUrl());
  await app.close();
}
`;

interface Load {
  by: string | undefined;
  url: string;
}

describe('the modules that are loaded', () => {
  let library: Compiled;
  let root: string;
  beforeAll(async () => {
    library = await compiled();
    root = dirname(dirname(dirname(library.script('app'))));
  });
  afterAll(() => library.remove());

  async function loadsOf(what: 'import' | 'request'): Promise<Load[]> {
    const log = join(root, `${what}.log`);
    const script = join(root, `${what}.mjs`);
    await writeFile(log, '');
    await writeFile(script, main(log));
    await run(process.execPath, [script, what]);
    const lines = (await readFile(log, 'utf8')).trim().split('\n');
    return lines.map((line) => JSON.parse(line) as Load);
  }

  it('by the import of the library include no package of a transport', async () => {
    const loads = await loadsOf('import');
    expect(loads.length).toBeGreaterThan(50);
    expect(loads.filter(({ url }) => OPTIONAL.test(url))).toEqual([]);
  });

  it('by the library include none in an application that serves a request, either', async () => {
    const own = pathToFileURL(join(root, 'lib')).href;
    const loads = (await loadsOf('request')).filter(({ by }) => by?.startsWith(own));
    expect(loads.length).toBeGreaterThan(50);
    expect(loads.filter(({ url }) => OPTIONAL.test(url))).toEqual([]);
  });
});
