import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { examples, type Example } from './examples.js';

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
  const contexts = ['context.d.ts', 'testing-context.d.ts'].map((name) =>
    join(process.cwd(), 'test', 'docs', name),
  );
  const program = ts.createProgram(
    [...contexts, ...sources.keys()],
    { ...options, noUnusedLocals: false },
    host,
  );
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
