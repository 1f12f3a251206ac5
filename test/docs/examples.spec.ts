import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

interface Example {
  /** Where the code begins, as `README.md:43`. */
  place: string;
  line: number;
  code: string;
}

const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync('docs').map((name) => join('docs', name))];
const examples = pages.filter((page) => page.endsWith('.md')).flatMap(examplesOf);

/** Every block of TypeScript. One with `// not compiled: <why>` in its first line is left out. */
function examplesOf(page: string): Example[] {
  const found: Example[] = [];
  const lines = readFileSync(page, 'utf8').split('\n');
  for (let i = 0; i < lines.length; i++) {
    if (lines[i]!.trim() !== '```ts') continue;
    const end = lines.findIndex((line, at) => at > i && line.trim() === '```');
    const code = lines.slice(i + 1, end).join('\n');
    if (!code.startsWith('// not compiled: ')) found.push({ place: `${page}:${i + 2}`, line: i + 1, code });
    i = end;
  }
  return found;
}

const fileOf = (index: number): string => join(process.cwd(), 'test', 'docs', `example-${index}.ts`);

/** Each example is a module of its own, beside `context.d.ts`. Not emitted, so a file needs not be there. */
function diagnosticsOf(all: readonly Example[]): Map<string, string[]> {
  const { config } = ts.readConfigFile('tsconfig.json', (path) => readFileSync(path, 'utf8')) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd());
  const sources = new Map(all.map(({ code }, i) => [fileOf(i), `${code}\nexport {};\n`]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => sources.has(path) || fileExists(path);
  host.readFile = (path) => sources.get(path) ?? readFile(path);
  host.getSourceFile = (path, version, ...rest) => {
    const text = sources.get(path);
    return text === undefined
      ? getSourceFile(path, version, ...rest)
      : ts.createSourceFile(path, text, version);
  };
  const context = join(process.cwd(), 'test', 'docs', 'context.d.ts');
  const program = ts.createProgram([context, ...sources.keys()], { ...options, noUnusedLocals: false }, host);
  return new Map(
    all.map(({ place }, i) => [
      place,
      program.getSemanticDiagnostics(program.getSourceFile(fileOf(i))).map(textOf),
    ]),
  );
}

function textOf({ file, start, messageText }: ts.Diagnostic): string {
  const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
  return `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}

describe('the examples of README and docs', () => {
  let diagnostics: Map<string, string[]>;
  beforeAll(() => void (diagnostics = diagnosticsOf(examples)), 120_000);

  it('are found', () => expect(examples.length).toBeGreaterThan(10));

  it.each(examples.map(({ place }) => place))('compiles as printed: %s', (place) => {
    expect(diagnostics.get(place)).toEqual([]);
  });
});
