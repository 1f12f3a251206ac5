import { parseArgs } from 'node:util';
import { UsageError } from '../../attack/errors.js';
import { parsed } from '../options.js';

export const HELP = `nest-sessions doctor [<module>] [--redis <url>] [--postgres <url>] [--url <url>] [--json]

Checks a configuration of sessions against its store as it runs, and prints what it found.

  <module>             the compiled root module of a Nest application, such as dist/app.module.js: it is started without
                       a port, and its own options and store are checked
  --export <name>      the class that the file exports, if it exports several modules
  --env <file>         sets variables of the environment first, such as .env
  --redis <url>        checks a Redis by itself, with the package "redis" or "ioredis" of the application
  --prefix <prefix>    of its keys (nest-sessions:)
  --postgres <url>     checks a PostgreSQL by itself, with the package "pg" of the application
  --table <name>       its table (nest_sessions)
  --url <url>          requests a page of the running application, and looks at the cookie that it sets
  --post <body>        posts this body there, as form or as JSON, so that a session begins; @file reads it from a file
  --cookie <name>      the name of the session cookie, if it is not that of the module
  --timeout <seconds>  how long the application may take to start, and each response (30)
  --json               prints the result as JSON
  --help

It writes a session of no user to the store, and ends it. What the application prints goes to the standard error.
Exit code: 0 no problem, warnings included; 1 a problem; 2 wrong use.
`;

export interface DoctorArguments {
  help: boolean;
  json: boolean;
  /** Milliseconds. */
  timeout: number;
  envFile: string | undefined;
  module: { file: string; name: string | undefined } | undefined;
  redis: { url: string; prefix: string } | undefined;
  postgres: { url: string; table: string } | undefined;
  site: { url: URL; post: string | undefined } | undefined;
  cookie: string | undefined;
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const OPTIONS = {
  ...{ export: text, env: text, redis: text, prefix: text, postgres: text, table: text },
  ...{ url: text, post: text, cookie: text, timeout: text, json: flag, help: flag },
} as const;

/** @throws UsageError */
export function argumentsOf(args: readonly string[]): DoctorArguments {
  const { values, positionals } = parsed('doctor', () =>
    parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true }),
  );
  const { redis, prefix, postgres, table, url, post, help = false, json = false } = values;
  const [file, ...more] = positionals;
  if (more.length > 0) throw new UsageError('Give one module.');
  if (!help && [file, redis, postgres, url].every((one) => one === undefined))
    throw new UsageError(
      'Give what is to be checked: nest-sessions doctor dist/app.module.js, or --redis, --postgres or --url. See --help.',
    );
  const needs = (option: string, given: unknown, other: string, there: unknown): void => {
    if (given !== undefined && there === undefined) throw new UsageError(`--${option} needs ${other}.`);
  };
  needs('export', values.export, 'a module', file);
  needs('prefix', prefix, '--redis', redis);
  needs('table', table, '--postgres', postgres);
  needs('post', post, '--url', url);
  needs('cookie', values.cookie, '--url', url);
  return {
    ...{ help, json, timeout: timeoutOf(values.timeout ?? '30'), cookie: values.cookie },
    envFile: values.env,
    module: file === undefined ? undefined : { file, name: values.export },
    redis:
      redis === undefined
        ? undefined
        : { url: addressOf('redis', redis, /^rediss?:$/), prefix: prefix ?? 'nest-sessions:' },
    postgres:
      postgres === undefined
        ? undefined
        : { url: addressOf('postgres', postgres, /^postgres(?:ql)?:$/), table: table ?? 'nest_sessions' },
    site: url === undefined ? undefined : { url: new URL(addressOf('url', url, /^https?:$/)), post },
  };
}

/** The message shows nothing of it: there may be a password in it. */
function addressOf(option: string, given: string, schemes: RegExp): string {
  if (URL.canParse(given) && schemes.test(new URL(given).protocol)) return given;
  const example = {
    redis: 'redis://localhost:6379',
    postgres: 'postgres://localhost/app',
    url: 'https://app.example.com/login',
  }[option];
  throw new UsageError(`--${option}: give an address such as ${example}.`);
}

function timeoutOf(value: string): number {
  const seconds = Number(value);
  if (seconds > 0 && seconds <= 600) return seconds * 1000;
  throw new UsageError('--timeout: give seconds, from 1 to 600.');
}
