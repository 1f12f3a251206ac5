import { readFileSync } from 'node:fs';
import ts from 'typescript';

/**
 * The reference itself is made by `npm run docs`; `npm run lint` fails if it is out of date. Here: that every public name is
 * described in the code, and is in the reference.
 */
const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, { import: { types: string } } | string>;
};

/** The source files behind `exports`, by the last part of the name that applications import. */
const published = Object.entries(exports).flatMap(([path, conditions]) => {
  if (typeof conditions === 'string') return [];
  const file = conditions.import.types.replace('./dist/esm/', 'lib/').replace('.d.ts', '.ts');
  return [{ name: path.split('/').at(-1)!.replace('.', 'nest-sessions'), file }];
});

/** And the class behind the type `Session`. */
const entryPoints = [...published, { name: 'session', file: 'lib/core/session.ts' }];

/** What drivers and frameworks define, of which we only say what we need: their own documentation describes it. */
const FOREIGN_SHAPES = new Set([
  'IoRedisClient',
  'NodeRedisClient',
  'NodeRedisCluster',
  'NodeRedisSentinel',
  'PostgresClient',
  'PostgresPool',
  'PostgresQuery',
  'PostgresResult',
  'StandardSchemaV1',
]);

interface Documented {
  exported: string[];
  undocumented: string[];
}

function exportsOf(file: string, program: ts.Program): ts.Symbol[] {
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
  return checker.getExportsOfModule(module).filter((one) => !tagsOf(one).includes('internal'));
}

function examine(file: string, program: ts.Program): Documented {
  const checker = program.getTypeChecker();
  const exported = exportsOf(file, program);
  const undocumented = exported.flatMap((one) => {
    const symbol = one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one;
    const members = FOREIGN_SHAPES.has(one.name) ? [] : membersOf(symbol);
    return [
      ...(isDescribed(symbol, checker) ? [] : [one.name]),
      ...members
        .filter((member) => !isDescribed(member, checker))
        .map((member) => `${one.name}.${member.name}`),
    ];
  });
  return { exported: exported.map(({ name }) => name), undocumented };
}

/** The public and protected members of a class or interface that are declared by itself. */
function membersOf(symbol: ts.Symbol): ts.Symbol[] {
  if (!(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))) return [];
  const all = [
    ...(symbol.members?.values() ?? []),
    ...(symbol.flags & ts.SymbolFlags.Class ? (symbol.exports?.values() ?? []) : []),
  ];
  return all.filter((member) => {
    const [declaration] = member.declarations ?? [];
    if (!declaration || ts.isTypeParameterDeclaration(declaration)) return false;
    const name = ts.getNameOfDeclaration(declaration);
    if (name && (ts.isPrivateIdentifier(name) || ts.isComputedPropertyName(name))) return false;
    const isPrivate = ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Private;
    return !isPrivate && !tagsOf(member).includes('internal');
  });
}

const tagsOf = (symbol: ts.Symbol): string[] => symbol.getJsDocTags().map(({ name }) => name);

/** A text, inherited ones included; for a constructor what it throws is enough. */
const isDescribed = (symbol: ts.Symbol, checker: ts.TypeChecker): boolean =>
  symbol.getDocumentationComment(checker).length > 0 || tagsOf(symbol).some((tag) => tag !== 'default');

describe('the reference', () => {
  let program: ts.Program;
  beforeAll(() => {
    const { config } = ts.readConfigFile('tsconfig.json', (path) => readFileSync(path, 'utf8')) as {
      config: object;
    };
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd());
    program = ts.createProgram(
      entryPoints.map(({ file }) => file),
      options,
    );
  }, 120_000);

  it('has every name that applications import', () => {
    const missing = entryPoints.flatMap(({ name, file }) => {
      const page = readFileSync(`docs/reference/${name}.md`, 'utf8');
      const headings = new Set(
        [...page.matchAll(/^### (?:abstract )?(.+)$/gm)].map(
          ([, title]) => /^\w+/.exec(title!.replaceAll('\\', ''))?.[0],
        ),
      );
      return examine(file, program)
        .exported.filter((one) => !headings.has(one))
        .map((one) => `${name}: ${one}`);
    });
    expect(missing).toEqual([]);
  });

  it('and the table of the README have every option', () => {
    const declared = exportsOf('lib/nest/options/session.options.ts', program);
    const options = declared
      .filter(({ name }) => name === 'SessionModuleOptions' || name === 'SessionModuleExtras')
      .flatMap(membersOf)
      .map(({ name }) => name);
    const [, section] = /^## Options\n([^]*?)^## /m.exec(readFileSync('README.md', 'utf8'))!;
    const rows = [...section!.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    expect(rows.sort()).toEqual(options.sort());
  });

  it('says what each of them is, and each of its members', () => {
    const undocumented = entryPoints.flatMap(({ file }) => examine(file, program).undocumented);
    expect(undocumented).toEqual([]);
  });
});
