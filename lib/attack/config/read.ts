import { UsageError } from '../errors.js';
import { Complaints, unknownKey } from './complaints.js';
import type { AttackConfig, Json, User } from './config.js';
import { countOf, csrfOf, readOf, requestOf, writeOf } from './templates.js';

const KEYS = [
  ...['$schema', 'iOwn', 'cookie', 'users', 'login', 'logout', 'relogin', 'read', 'write', 'increment'],
  ...['private', 'anonymous', 'csrf', 'skip', 'parallel', 'samples'],
];

/**
 * The config of a text.
 *
 * @param env fills `{{env.NAME}}`, so that no password has to stand in the file
 * @param checks the ids that `skip` may name
 * @throws UsageError that lists everything that is wrong
 */
export function readConfig(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  checks: readonly string[],
): AttackConfig {
  const complaints = new Complaints();
  const config = configOf(withEnvironment(parse(text), env, complaints), complaints, checks);
  if (complaints.list.length > 0 || !config)
    throw new UsageError(
      `The config is not valid:\n${complaints.list.map((one) => `  - ${one}`).join('\n')}`,
    );
  return config;
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    // The message of the parser quotes the text, which may hold a password: only the place is taken from it.
    throw new UsageError(`The config is not valid JSON${placeOf(error, text)}.`);
  }
}

/** Where the parser stopped, which it does not always say. */
function placeOf(error: unknown, text: string): string {
  const [, position] = /at position (\d+)/.exec(error instanceof Error ? error.message : '') ?? [];
  if (position === undefined) return '';
  const before = text.slice(0, Number(position)).split('\n');
  return `: see line ${before.length}, column ${before.at(-1)!.length + 1}`;
}

function withEnvironment(
  value: Json,
  env: Readonly<Record<string, string | undefined>>,
  complaints: Complaints,
): Json {
  if (typeof value === 'string') {
    return value.replace(/\{\{env\.(\w+)\}\}/g, (_, name: string) => {
      const found = env[name];
      if (!found) complaints.add('', `The environment variable ${name} is not set.`);
      // What is in its place is complained of once.
      return found || name;
    });
  }
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((one: Json) => withEnvironment(one, env, complaints));
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, withEnvironment(one, env, complaints)]),
  );
}

function configOf(value: Json, complaints: Complaints, checks: readonly string[]): AttackConfig | undefined {
  const given = complaints.object(value, '', KEYS);
  if (!given) return undefined;
  const iOwn = given['iOwn'] === undefined ? undefined : complaints.text(given['iOwn'], 'iOwn');
  const cookie = cookiesOf(given['cookie'], complaints);
  const users = usersOf(given['users'], complaints);
  const login = requestOf(given['login'], 'login', complaints, 'POST');
  const logout = requestOf(given['logout'], 'logout', complaints, 'POST');
  const relogin =
    given['relogin'] === undefined ? undefined : requestOf(given['relogin'], 'relogin', complaints, 'POST');
  const read = readOf(given['read'], complaints);
  const write = given['write'] === undefined ? undefined : writeOf(given['write'], complaints);
  const increment = given['increment'] === undefined ? undefined : countOf(given['increment'], complaints);
  const csrf = given['csrf'] === undefined ? undefined : csrfOf(given['csrf'], complaints);
  const rest = {
    private: complaints.paths(given['private'], 'private'),
    anonymous: complaints.paths(given['anonymous'], 'anonymous'),
    skip: skipOf(given['skip'], complaints, checks),
    parallel: complaints.count(given['parallel'], 'parallel', [2, 100, 10]),
    samples: complaints.count(given['samples'], 'samples', [4, 100, 8]),
  };
  if (!users || !login || !logout || !read) return undefined;
  return {
    ...(iOwn !== undefined && { iOwn }),
    ...(cookie && { cookie }),
    ...(relogin && { relogin }),
    ...(write && { write }),
    ...(increment && { increment }),
    ...(csrf && { csrf }),
    ...{ users, login, logout, read, ...rest },
  };
}

function cookiesOf(value: unknown, complaints: Complaints): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) return complaints.add('cookie', 'give a name, or a list of names.');
  return list.map((one, i) => complaints.text(one, Array.isArray(value) ? `cookie[${i}]` : 'cookie') ?? '');
}

function usersOf(value: unknown, complaints: Complaints): AttackConfig['users'] | undefined {
  const given = complaints.object(value, 'users', ['first', 'second']);
  if (!given) return undefined;
  const first = userOf(given['first'], 'users.first', complaints);
  const second =
    given['second'] === undefined ? undefined : userOf(given['second'], 'users.second', complaints);
  if (first && second?.name === first.name)
    return complaints.add('users.second', 'has the name of the first user: give another user.');
  return first && { first, ...(second && { second }) };
}

function userOf(value: unknown, path: string, complaints: Complaints): User | undefined {
  const texts = complaints.texts(value, path);
  const { name } = texts;
  return name === undefined ? complaints.add(`${path}.name`, 'is missing.') : { ...texts, name };
}

function skipOf(
  value: unknown,
  complaints: Complaints,
  checks: readonly string[],
): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const reasons = complaints.texts(value, 'skip');
  for (const id of Object.keys(reasons)) {
    if (!checks.includes(id)) complaints.add('skip', unknownKey(id, checks, 'check'));
  }
  return reasons;
}
