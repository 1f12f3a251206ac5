// Lets Node import the library's TypeScript and its specs, by the same rules as Jest does (jest.config.js).
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transformSync } from '@swc/core';
import jestConfig from '../../jest.config.js';

/** What was compiled. */
const compiled = new Map();
const [[, [, SWC]]] = Object.entries(jestConfig.transform);
const NAMES = Object.entries(jestConfig.moduleNameMapper)
  .filter(([, target]) => target.startsWith('<rootDir>'))
  .map(([name, target]) => [new RegExp(name), target.replace('<rootDir>', process.cwd())]);

export async function resolve(specifier, context, next) {
  if (specifier === '@jest/globals')
    return { url: new URL('globals.js', import.meta.url).href, shortCircuit: true };
  const file = fileOf(specifier, context.parentURL);
  if (!file || !existsSync(file)) return next(specifier, context);
  const url = pathToFileURL(file);
  // What is loaded again imports all of ours again.
  const generation = new URL(context.parentURL).searchParams.get('generation');
  if (generation) url.searchParams.set('generation', generation);
  return { url: url.href, shortCircuit: true };
}

export async function load(url, context, next) {
  const { pathname, protocol } = new URL(url);
  if (protocol !== 'file:' || !pathname.endsWith('.ts')) return next(url, context);
  const filename = fileURLToPath(url);
  if (!compiled.has(filename))
    compiled.set(
      filename,
      transformSync(readFileSync(filename, 'utf8'), { ...SWC, filename, sourceMaps: 'inline' }).code,
    );
  return { format: 'module', source: compiled.get(filename), shortCircuit: true };
}

/** The file of ours that is meant. */
function fileOf(specifier, parent) {
  const name = NAMES.find(([pattern]) => pattern.test(specifier));
  if (name) return specifier.replace(...name);
  if (specifier.startsWith('.') && parent && new URL(parent).pathname.endsWith('.ts'))
    return fileURLToPath(new URL(specifier.replace(/\.js$/, '.ts'), parent));
}
