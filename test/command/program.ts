import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compiled, type Compiled } from '../support/compiled.js';

/** How the program ended, and what it wrote. */
export interface Ran {
  exit: number;
  out: string;
  err: string;
}

/** The program as a process of its own, in a directory where the library and Nest are found. */
export class Program {
  readonly #code: Compiled;
  readonly #directory: string;

  private constructor(code: Compiled) {
    this.#code = code;
    this.#directory = mkdtempSync(join(this.#root, 'run-'));
  }

  static async make(): Promise<Program> {
    return new Program(await compiled());
  }

  get #root(): string {
    return join(dirname(this.#code.script('x')), '..', '..');
  }

  /** Writes a file into the directory, and returns its name. */
  write(name: string, text: string): string {
    writeFileSync(join(this.#directory, name), text);
    return name;
  }

  run(args: readonly string[], variables: Record<string, string> = {}): Promise<Ran> {
    const main = join(this.#root, 'lib', 'command', 'main.js');
    const { NODE_OPTIONS: _, NODE_ENV: __, ...env } = process.env;
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [main, ...args],
        { cwd: this.#directory, env: { ...env, ...variables }, timeout: 60_000 },
        (error, out, err) => resolve({ exit: error ? Number(error.code) : 0, out, err }),
      );
    });
  }

  async remove(): Promise<void> {
    rmSync(this.#directory, { recursive: true, force: true });
    await this.#code.remove();
  }
}

/** A root module of Nest as it is compiled, with these options as source text. */
export const moduleText = (options: string, imports = ''): string => `
import { Module } from '@nestjs/common';
import { SessionModule } from 'nest-sessions';
${imports}
export class AppModule {}
Module({ imports: [SessionModule.forRoot(${options})] })(AppModule);
`;
