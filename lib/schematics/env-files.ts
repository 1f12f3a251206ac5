import type { Tree } from '@angular-devkit/schematics';
import { newSecret } from '../core/token/ids.js';

const ENV = '.env';
const GITIGNORE = '.gitignore';

/** Patterns of .gitignore that leave `.env` out. */
const IGNORES_ENV = /^\s*\/?(?:\*\*\/)?(?:\.env\*?|\*\.env)\s*$/m;

/** Adds the secret and the other variables, where they have no value yet. */
export function writeEnv(tree: Tree, variables: Readonly<Record<string, string>>): void {
  const before = tree.exists(ENV) ? tree.readText(ENV) : '';
  const wanted = { SESSION_SECRET: newSecret(), ...variables };
  const after = Object.entries(wanted).reduce(withVariable, before);
  if (after === before) return;
  if (tree.exists(ENV)) tree.overwrite(ENV, after);
  else tree.create(ENV, after);
}

function withVariable(text: string, [name, value]: [string, string]): string {
  const line = new RegExp(`^([ \\t]*(?:export[ \\t]+)?)${name}[ \\t]*=[ \\t]*(.*)$`, 'm');
  const found = line.exec(text);
  if (!found) return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${name}=${value}\n`;
  const [, before = '', present = ''] = found;
  // A variable that somebody left empty, for a value to be filled in.
  const isEmpty = /^(?:""|'')?\s*(?:#.*)?$/.test(present);
  return isEmpty ? text.replace(line, () => `${before}${name}=${value}`) : text;
}

/** A secret does not belong into a repository. */
export function ignoreEnv(tree: Tree): void {
  const text = tree.exists(GITIGNORE) ? tree.readText(GITIGNORE) : '';
  if (IGNORES_ENV.test(text)) return;
  const after = `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${ENV}\n`;
  if (tree.exists(GITIGNORE)) tree.overwrite(GITIGNORE, after);
  else tree.create(GITIGNORE, after);
}
