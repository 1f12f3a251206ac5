import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';

/** The examples of docs/testing.md, in their order, but for those that are not compiled. */
const examples = [...readFileSync('docs/testing.md', 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm)]
  .map(([, code]) => code!)
  .filter((code) => !code.startsWith('// not compiled: '));

mkdirSync('.cache', { recursive: true });
const directory = mkdtempSync(join(process.cwd(), '.cache', 'recipes-'));

/** Runs an example as it is printed, as a module of its own within the checkout, where packages are found. */
async function load<T = unknown>(code: string): Promise<T> {
  const file = join(directory, `example-${examples.indexOf(code)}.ts`);
  writeFileSync(file, code);
  return (await import(file)) as T;
}

process.env['SESSION_SECRET'] = 'rEc1pEs0fThEd0cSoNly5Vx2Kc9Wd4Jf7Lg0PaQeUiOt';

// What the other examples take for granted: the application, and what makes one for the tests over HTTP.
const [application, ...rest] = examples;
Object.assign(globalThis, await load<object>(application!));
const factory = rest.find((code) => code.includes('function createApp('))!;
const { clock, createApp } = await load<{ clock: object; createApp: () => Promise<INestApplication> }>(
  factory,
);
Object.assign(globalThis, { clock });

let current: INestApplication;
beforeEach(async () => {
  current = await createApp();
  Object.assign(globalThis, { app: current });
});
afterEach(() => current.close());
afterAll(() => rmSync(directory, { recursive: true }));

it('are found', () => expect(examples.length).toBeGreaterThan(12));

// Each registers its own tests.
for (const code of rest) if (code !== factory) await load(code);
