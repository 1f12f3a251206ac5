import type ts from 'typescript';
import { nodesOf } from './root-module.js';
import type { TypeScript } from './typescript.js';

/** What the root module gets. */
export interface Wiring {
  /** Imported besides SessionModule. Relative ones without an ending. */
  imports: readonly { name: string; from: string }[];
  /** What is called of SessionModule. */
  call: string;
  /** Imported before everything else, for its effect. */
  first?: string;
}

export type Edited =
  | { outcome: 'edited'; text: string }
  /** SessionModule is imported already. */
  | { outcome: 'there' }
  /** A form that no tool should rewrite. */
  | { outcome: 'unclear'; why: string };

/** An insertion, or the replacement of what stands there. */
interface Change {
  from: number;
  to: number;
  text: string;
}

const LIBRARY = 'nest-sessions';

/** The text of a module file with SessionModule among the imports of its module. Everything else stays as it is written. */
export function importSessionModule(
  typeScript: TypeScript,
  text: string,
  { className, wiring, esm }: { className: string | undefined; wiring: Wiring; esm: boolean },
): Edited {
  const source = typeScript.createSourceFile('module.ts', text, typeScript.ScriptTarget.Latest, true);
  const file = new ModuleFile(typeScript, source, esm);
  if (file.isWired) return { outcome: 'there' };
  const decorator = file.decoratorOf(className);
  if (!decorator) return { outcome: 'unclear', why: 'it has no class with @Module()' };
  const local = file.isTaken('SessionModule') ? 'NestSessionModule' : 'SessionModule';
  const change = file.metadataChange(decorator, `${local}.${wiring.call}`);
  if ('why' in change) return { outcome: 'unclear', why: change.why };
  const name = local === 'SessionModule' ? local : `SessionModule as ${local}`;
  const imports = file.importChanges([{ name, from: LIBRARY }, ...wiring.imports], wiring.first);
  return { outcome: 'edited', text: applied(text, [...imports, change]) };
}

class ModuleFile {
  readonly #ts: TypeScript;
  readonly #source: ts.SourceFile;
  readonly #esm: boolean;
  readonly #imports: readonly ts.ImportDeclaration[];

  constructor(typeScript: TypeScript, source: ts.SourceFile, esm: boolean) {
    this.#ts = typeScript;
    this.#source = source;
    this.#imports = source.statements.filter((one) => typeScript.isImportDeclaration(one));
    const relative = this.#imports.map(specifierOf).filter((one) => one.startsWith('.'));
    this.#esm = relative.length > 0 ? relative.some((one) => one.endsWith('.js')) : esm;
  }

  get isWired(): boolean {
    const { text } = this.#source;
    // Below a namespace it may be imported for something else.
    return this.#localNames(LIBRARY, 'SessionModule').some(
      (name) => !name.includes('.') || text.includes(name),
    );
  }

  /** Whether the file has something else of this name. */
  isTaken(name: string): boolean {
    return nodesOf(this.#ts, this.#source).some((node) => this.#ts.isIdentifier(node) && node.text === name);
  }

  /** `@Module()` of this class, or of the first one that has it; also under another name. */
  decoratorOf(className: string | undefined): ts.CallExpression | undefined {
    const names = new Set(this.#localNames('@nestjs/common', 'Module'));
    const found = nodesOf(this.#ts, this.#source)
      .filter((node) => this.#ts.isClassDeclaration(node))
      .flatMap((node) => (this.#ts.getDecorators(node) ?? []).map(({ expression }) => ({ node, expression })))
      .filter(({ expression }) => this.#ts.isCallExpression(expression))
      .filter(({ expression }) =>
        names.has((expression as ts.CallExpression).expression.getText(this.#source)),
      );
    const named = found.find(({ node }) => node.name?.text === className);
    return (named ?? found[0])?.expression as ts.CallExpression | undefined;
  }

  metadataChange(
    { arguments: [metadata], ...call }: ts.CallExpression,
    entry: string,
  ): Change | { why: string } {
    const { end } = call;
    if (!metadata) return insertion(end - 1, `{${this.#eol}  imports: [${entry}],${this.#eol}}`);
    const object = this.#bare(metadata);
    if (!this.#ts.isObjectLiteralExpression(object)) {
      const whole = metadata.getText(this.#source);
      const all = this.#ts.isIdentifier(metadata) ? whole : `(${whole})`;
      return {
        from: metadata.getStart(this.#source),
        to: metadata.end,
        text: `{ ...${all}, imports: [${entry}, ...(${all}.imports ?? [])] }`,
      };
    }
    const imports = object.properties.find(({ name }) => name && this.#nameOf(name) === 'imports');
    if (!imports) return this.#newProperty(object, entry);
    if (this.#ts.isShorthandPropertyAssignment(imports))
      return insertion(imports.end, `: [${entry}, ...imports]`);
    if (!this.#ts.isPropertyAssignment(imports)) return { why: 'its `imports` is no plain property' };
    return this.#intoList(imports.initializer, entry);
  }

  /** Without parentheses, and without `as` and `satisfies`, which say something of its type alone. */
  #bare(node: ts.Expression): ts.Expression {
    return this.#ts.isParenthesizedExpression(node) ||
      this.#ts.isAsExpression(node) ||
      this.#ts.isSatisfiesExpression(node)
      ? this.#bare(node.expression)
      : node;
  }

  #nameOf(name: ts.PropertyName): string | undefined {
    const node = this.#ts.isComputedPropertyName(name) ? name.expression : name;
    if (this.#ts.isStringLiteralLike(node)) return node.text;
    return this.#ts.isIdentifier(name) ? name.text : undefined;
  }

  #newProperty(metadata: ts.ObjectLiteralExpression, entry: string): Change | { why: string } {
    if (metadata.properties.some((one) => this.#ts.isSpreadAssignment(one)))
      return { why: 'its `imports` may be in what is spread into @Module()' };
    if (metadata.properties.some(({ name }) => name && this.#nameOf(name) === undefined))
      return { why: 'its `imports` may be a property whose name is computed' };
    const [first] = metadata.properties;
    const property = `imports: [${entry}],`;
    if (!first)
      return insertion(metadata.getStart(this.#source) + 1, `${this.#eol}  ${property}${this.#eol}`);
    return insertion(first.getStart(this.#source), `${property}${this.#separatorBefore(first)}`);
  }

  /** As the last one: what loads the environment comes before. */
  #intoList(list: ts.Expression, entry: string): Change {
    if (!this.#ts.isArrayLiteralExpression(list)) {
      const whole = list.getText(this.#source);
      return { from: list.getStart(this.#source), to: list.end, text: `[...(${whole}), ${entry}]` };
    }
    const last = list.elements.at(-1);
    if (!last) return insertion(list.end - 1, entry);
    return insertion(last.end, `,${this.#separatorBefore(last)}${entry}`);
  }

  /** The line break and the indentation before a node, or a blank where it stands on the line of others. */
  #separatorBefore(node: ts.Node): string {
    const before = this.#source.text.slice(0, node.getStart(this.#source));
    return /\r?\n[ \t]*$/.exec(before)?.[0] ?? ' ';
  }

  importChanges(wanted: readonly { name: string; from: string }[], first: string | undefined): Change[] {
    const quote = this.#quote;
    const lines = wanted
      .filter(({ name, from }) => !this.#localNames(from, name).includes(name))
      .map(({ name, from }) => `import { ${name} } from ${quote}${this.#specifier(from)}${quote};`);
    const last = this.#imports.at(-1);
    const after = last ? insertion(last.end, lines.map((line) => this.#eol + line).join('')) : undefined;
    const start = this.#imports[0]?.getStart(this.#source) ?? this.#source.getStart();
    const before = [
      ...(first === undefined ? [] : [`import ${quote}${this.#specifier(first)}${quote};`]),
      ...(after ? [] : lines),
    ];
    const atStart =
      before.length > 0 ? [insertion(start, before.map((line) => line + this.#eol).join(''))] : [];
    return [...atStart, ...(after ? [after] : [])];
  }

  /** What an export of a package is called here, also below a namespace. */
  #localNames(from: string, exported: string): string[] {
    return this.#imports
      .filter((one) => specifierOf(one) === this.#specifier(from))
      .flatMap(({ importClause }) => {
        const bindings = importClause?.namedBindings;
        if (!bindings || importClause.isTypeOnly) return [];
        if (this.#ts.isNamespaceImport(bindings)) return [`${bindings.name.text}.${exported}`];
        return bindings.elements
          .filter(
            ({ name, propertyName, isTypeOnly }) => !isTypeOnly && (propertyName ?? name).text === exported,
          )
          .map(({ name }) => name.text);
      });
  }

  #specifier(from: string): string {
    return from.startsWith('.') && this.#esm ? `${from}.js` : from;
  }

  get #quote(): string {
    const [first] = this.#imports;
    return first?.moduleSpecifier.getText(this.#source).startsWith('"') ? '"' : "'";
  }

  get #eol(): string {
    return this.#source.text.includes('\r\n') ? '\r\n' : '\n';
  }
}

const specifierOf = ({ moduleSpecifier }: ts.ImportDeclaration): string =>
  (moduleSpecifier as ts.StringLiteral).text;

const insertion = (at: number, text: string): Change => ({ from: at, to: at, text });

/** From the end to the beginning, so that positions hold. */
const applied = (text: string, changes: readonly Change[]): string =>
  [...changes]
    .sort((a, b) => b.from - a.from)
    .reduce((all, { from, to, text: one }) => all.slice(0, from) + one + all.slice(to), text);
