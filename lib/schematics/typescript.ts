import { createRequire } from 'node:module';
import { join } from 'node:path';
import type ts from 'typescript';

export type TypeScript = typeof ts;

/** The application's own compiler; `undefined` without one. */
export function loadTypeScript(): TypeScript | undefined {
  try {
    return createRequire(join(process.cwd(), 'package.json'))('typescript') as TypeScript;
  } catch {
    return undefined;
  }
}
