import { readFileSync, writeFileSync } from 'node:fs';
import { attack, type Progress } from './attack.js';
import { argumentsOf, HELP, type Arguments } from './arguments.js';
import { CHECKS } from './checks/index.js';
import { EXAMPLE } from './config/example.js';
import { checkHost, targetOf } from './config/hosts.js';
import { readConfig } from './config/read.js';
import { UsageError } from './errors.js';
import { Client } from './http/client.js';
import { html } from './report/html.js';
import { junit } from './report/junit.js';
import { cleared, lines, running, summary } from './report/lines.js';
import { reportOf, type Report } from './report/report.js';

/** What the program has of the process. */
export interface Surface {
  out(text: string): void;
  err(text: string): void;
  env: Readonly<Record<string, string | undefined>>;
  /** Whether a line can be written over. */
  interactive: boolean;
}

const PASSED = 0;
const FINDINGS = 1;
const WRONG_USE = 2;

/** Runs the program, and returns its exit code. */
export async function command(args: readonly string[], surface: Surface): Promise<number> {
  try {
    return await carryOut(argumentsOf(args), surface);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    surface.err(`${error.message}\n`);
    return WRONG_USE;
  }
}

async function carryOut(given: Arguments, surface: Surface): Promise<number> {
  switch (given.does) {
    case 'help':
      surface.out(HELP);
      return PASSED;
    case 'list':
      for (const { id, severity, title } of CHECKS)
        surface.out(`${id.padEnd(20)} ${severity.padEnd(8)} ${title}\n`);
      return PASSED;
    case 'init':
      write(given.config, `${JSON.stringify(EXAMPLE, null, 2)}\n`, 'wx');
      surface.out(`${given.config} is an example: adapt it to your application.\n`);
      return PASSED;
    case 'attack':
      return run(given, surface);
  }
}

async function run(given: Arguments & { does: 'attack' }, surface: Surface): Promise<number> {
  const ids = CHECKS.map(({ id }) => id);
  const target = targetOf(given.target);
  const config = readConfig(read(given.config), surface.env, ids);
  checkHost(target, { allowed: given.allowHost, owned: config.iOwn }, given.insecure);
  const client = new Client(target, given);
  const started = new Date();
  try {
    const { results, cookies, secrets } = await attack(config, client, progressOn(surface), given.only);
    const facts = {
      target: target.origin,
      started: started.toISOString(),
      duration: Date.now() - started.getTime(),
      cookies: cookies.map((name) => secrets.redact(name)),
      failOn: given.failOn,
    };
    const report = reportOf(facts, results);
    // First: what was found is shown also where no report can be written.
    surface.out(summary(report));
    writeReports(report, given);
    return report.passed ? PASSED : FINDINGS;
  } finally {
    client.close();
  }
}

function progressOn({ out, interactive }: Surface): Progress {
  return {
    starts: (check, at, of) => interactive && out(running(check, at, of)),
    ends: (result) => out((interactive ? cleared : '') + lines(result)),
  };
}

function writeReports(
  report: Report,
  { json, junit: xml, html: page }: Arguments & { does: 'attack' },
): void {
  if (json !== undefined) write(json, `${JSON.stringify(report, null, 2)}\n`);
  if (xml !== undefined) write(xml, junit(report));
  if (page !== undefined) write(page, html(report));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read (${codeOf(error)}). --init writes an example.`);
  }
}

function write(path: string, text: string, flag = 'w'): void {
  try {
    writeFileSync(path, text, { flag });
  } catch (error) {
    throw new UsageError(
      codeOf(error) === 'EEXIST'
        ? `${path} exists already.`
        : `${path} cannot be written (${codeOf(error)}).`,
    );
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
