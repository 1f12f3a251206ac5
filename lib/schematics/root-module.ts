import type { Tree } from '@angular-devkit/schematics';
import type ts from 'typescript';
import type { TypeScript } from './typescript.js';

/** Where the root module is. */
export interface RootModule {
  /** From the root of the tree. */
  file: string;
  /** `undefined` for the only module of the file. */
  className: string | undefined;
}

/** The module that `main.ts` starts, or `app.module.ts` beside it. */
export function findRootModule(
  typeScript: TypeScript,
  tree: Tree,
  sourceRoot: string,
  given?: string,
): RootModule | undefined {
  if (given !== undefined)
    return tree.exists(given) ? { file: rooted(given), className: undefined } : undefined;
  const main = rooted(`${sourceRoot}/main.ts`);
  const started = tree.exists(main) ? startedModule(typeScript, tree.readText(main), main) : undefined;
  const found = started && started.files.find((file) => tree.exists(file));
  if (found !== undefined) return { file: found, className: started!.className };
  const usual = rooted(`${sourceRoot}/app.module.ts`);
  return tree.exists(usual) ? { file: usual, className: undefined } : undefined;
}

interface Started {
  className: string | undefined;
  /** Where it may be, in the order of TypeScript. */
  files: readonly string[];
}

/** The first argument of `NestFactory.create(…)`, and where it is imported from. */
function startedModule(typeScript: TypeScript, text: string, file: string): Started | undefined {
  const source = typeScript.createSourceFile(file, text, typeScript.ScriptTarget.Latest, true);
  const local = nodesOf(typeScript, source)
    .filter((node) => typeScript.isCallExpression(node))
    .filter(({ expression }) => /^NestFactory\s*\.\s*create/.test(expression.getText(source)))
    .map(({ arguments: [first] }) => first)
    .find((first) => first !== undefined && typeScript.isIdentifier(first))
    ?.getText(source);
  if (local === undefined) return undefined;
  for (const statement of source.statements) {
    if (!typeScript.isImportDeclaration(statement)) continue;
    if (!typeScript.isStringLiteral(statement.moduleSpecifier)) continue;
    const files = filesOf(file, statement.moduleSpecifier.text);
    const { name: byDefault, namedBindings: bindings } = statement.importClause ?? {};
    // It may have another name there, or none.
    if (byDefault?.text === local) return { className: undefined, files };
    if (!bindings || !typeScript.isNamedImports(bindings)) continue;
    const imported = bindings.elements.find(({ name }) => name.text === local);
    if (imported) return { className: (imported.propertyName ?? imported.name).text, files };
  }
  // It may be in the same file.
  return { className: local, files: [file] };
}

function filesOf(from: string, specifier: string): string[] {
  // Others may be below the root: `src/app.module`, where that is the `baseUrl` of TypeScript.
  const base = specifier.startsWith('.') ? from : '/';
  const path = new URL(specifier.replace(/\.js$/, ''), `file://${base}`).pathname;
  return [`${path}.ts`, `${path}/index.ts`];
}

export function nodesOf(typeScript: TypeScript, node: ts.Node): ts.Node[] {
  const found: ts.Node[] = [];
  const visit = (one: ts.Node): void => {
    found.push(one);
    typeScript.forEachChild(one, visit);
  };
  visit(node);
  return found;
}

const rooted = (path: string): string => `/${path.replace(/^\.?\//, '')}`;
