import { parseArgs } from 'node:util';
import { CHECKS } from './checks/index.js';
import type { Severity } from './checks/check.js';
import { unknownKey } from './config/complaints.js';
import { UsageError } from './errors.js';

export const HELP = `nest-sessions attack <url> [--config attack.json]

Attacks the session handling of an application of yours over HTTP, and reports what it finds.

  --config <file>      how to log in, read, write and log out there (attack.json)
  --init               writes an example of that file
  --list               lists the checks
  --only <id,…>        carries out these checks only
  --json <file>        writes the report as JSON
  --junit <file>       writes it as JUnit XML
  --html <file>        writes it as a page
  --fail-on <severity> error, warning or info: from where on a finding fails the run (warning)
  --timeout <ms>       how long a response may take (10000)
  --insecure           accepts a self-signed certificate, of loopback only
  --allow-host <host>  allows a host that is not loopback; the config has to say "iOwn" of it, too
  --help

Exit code: 0 passed; 1 findings, or a check that could not be carried out; 2 wrong use, or no target.
`;

export type Arguments =
  | { does: 'help' | 'list' }
  | { does: 'init'; config: string }
  | {
      does: 'attack';
      target: string;
      config: string;
      only?: readonly string[];
      json?: string;
      junit?: string;
      html?: string;
      failOn: Severity;
      timeout: number;
      insecure: boolean;
      allowHost?: string;
    };

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const OPTIONS = {
  ...{ config: text, only: text, json: text, junit: text, html: text, timeout: text },
  ...{ 'fail-on': text, 'allow-host': text },
  ...{ init: flag, list: flag, insecure: flag, help: flag },
} as const;

/** @throws UsageError */
export function argumentsOf(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args);
  const [name, target, ...more] = positionals;
  if (values.help || name === undefined) return { does: 'help' };
  if (name !== 'attack') throw new UsageError(unknownKey(name, ['attack'], 'command'));
  if (values.list) return { does: 'list' };
  const config = values.config ?? 'attack.json';
  if (values.init) return { does: 'init', config };
  if (target === undefined)
    throw new UsageError('Give the target: nest-sessions attack http://localhost:3000');
  if (more.length > 0) throw new UsageError('Give one target.');
  const { json, junit, html } = values;
  return {
    ...{ does: 'attack', target, config },
    ...(values.only !== undefined && { only: onlyOf(values.only) }),
    ...(json !== undefined && { json }),
    ...(junit !== undefined && { junit }),
    ...(html !== undefined && { html }),
    ...(values['allow-host'] !== undefined && { allowHost: values['allow-host'] }),
    failOn: severityOf(values['fail-on'] ?? 'warning'),
    timeout: timeoutOf(values.timeout ?? '10000'),
    insecure: values.insecure ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\nSee --help.`);
  }
}

function onlyOf(list: string): readonly string[] {
  const known = CHECKS.map(({ id }) => id);
  const ids = list.split(',').map((id) => id.trim());
  for (const id of ids)
    if (!known.includes(id)) throw new UsageError(`--only: ${unknownKey(id, known, 'check')}`);
  return ids;
}

function severityOf(name: string): Severity {
  if (name === 'error' || name === 'warning' || name === 'info') return name;
  throw new UsageError('--fail-on: give error, warning or info.');
}

function timeoutOf(value: string): number {
  const timeout = Number(value);
  if (Number.isInteger(timeout) && timeout >= 1 && timeout <= 600_000) return timeout;
  throw new UsageError('--timeout: give milliseconds, from 1 to 600000.');
}
