import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { EXAMPLE } from '../../lib/attack/config/example.js';
import { checkHost, isLoopback, targetOf } from '../../lib/attack/config/hosts.js';
import { readConfig } from '../../lib/attack/config/read.js';
import { CONFIG } from './target.js';

const read = (config: object, env = {}) => readConfig(JSON.stringify(config), env, ['logout', 'fixation']);
const complaint = (change: object): string => {
  try {
    read({ ...CONFIG, ...change });
    return 'none';
  } catch (error) {
    return (error as Error).message.split('\n').slice(1).join('\n');
  }
};

describe('the config', () => {
  it.each([
    [{ logut: {} }, 'unknown key "logut". Did you mean "logout"?'],
    [{ login: { path: '/login', jsn: {} } }, 'login: unknown key "jsn". Did you mean "json"?'],
    [{ login: undefined }, 'login: give an object, not nothing.'],
    [{ login: { path: 'https://example.com/login' } }, 'login.path: give a path that begins with "/"'],
    [{ login: { path: '/login', json: {}, form: {} } }, 'login: give "json" or "form", not both.'],
    [
      { login: { path: '/login', headers: { Cookie: 'a=b' } } },
      'login.headers.Cookie: is set by the program itself.',
    ],
    [{ login: { path: '/login', headers: { 'X-A': 'a\r\nb' } } }, 'login.headers.X-A: is no header of HTTP.'],
    [{ users: { first: { password: 'secret-1' } } }, 'users.first.name: is missing.'],
    [
      { users: { first: { name: 'a' }, second: { name: 'a' } } },
      'users.second: has the name of the first user',
    ],
    [
      { read: { path: '/me', loggedIn: { matches: '(' } } },
      'read.loggedIn.matches: is no regular expression.',
    ],
    [{ read: { path: '/me', loggedIn: { json: { user: 1 } } } }, 'read.loggedIn.json: give a JSON pointer'],
    [{ read: { path: '/me', loggedIn: { status: 'ok' } } }, 'read.loggedIn.status: give a status'],
    [{ write: { path: '/data', read: { path: '/data' } } }, 'write: has no "{{value}}"'],
    [{ increment: { path: '/a', read: { path: '/b' }, count: {} } }, 'increment.count.matches: is missing.'],
    [
      { csrf: { path: '/a', from: {}, to: { header: 'x' } } },
      'csrf.from: give one of: json, meta, input, cookie.',
    ],
    [{ skip: { logot: 'why' } }, 'skip: unknown check "logot". Did you mean "logout"?'],
    [{ skip: { logout: '' } }, 'skip.logout: give a text, not an empty one.'],
    [{ parallel: 1 }, 'parallel: give a whole number from 2 to 100.'],
    [{ private: '/account' }, 'private: give a list of paths'],
    [{ cookie: [] }, 'cookie: give a name, or a list of names.'],
  ])('refuses %j', (change, expected) => {
    expect(complaint(change)).toContain(expected);
  });

  it('lists everything that is wrong, and no value', () => {
    const message = complaint({ users: { first: { name: 'alice', password: 5 } }, skip: 5, parallel: 0 });
    expect(message.split('\n')).toHaveLength(3);
  });

  it.each([
    ['{\n  "users": {}\n  "login": {}\n}', 'see line 3, column 3.'],
    ['{ "password": "hunter2", }', 'see line 1, column 26.'],
    ['{ "password": hunter2 }', 'JSON.'],
    ['{', 'JSON'],
  ])('says where %j is no JSON, if it is known, and no more', (text, end) => {
    const read = (): unknown => readConfig(text, {}, []);
    expect(read).toThrow(/^The config is not valid JSON(: see line \d+, column \d+)?\.$/);
    expect(read).toThrow(end);
  });

  it('takes secrets from the environment, and says which is not set', () => {
    const env = { ALICE_PASSWORD: 'one', ROBERT_PASSWORD: 'two' };
    const example = { ...EXAMPLE, skip: {} };
    expect(read(example, env).users.first['password']).toBe('one');
    expect(() => read(example, { ALICE_PASSWORD: 'one' })).toThrow('ROBERT_PASSWORD is not set');
    const first = { ...example.users.first, password: '{{env.ROBERT_PASSWORD}}' };
    for (const variables of [{}, { ROBERT_PASSWORD: '' }])
      expect(() => read({ ...example, users: { ...example.users, first } }, variables)).toThrow(
        /^The config is not valid:\n {2}- The environment variable ROBERT_PASSWORD is not set\.$/,
      );
  });

  it('is not begun with a check that is left out', () => {
    expect(EXAMPLE.skip).toEqual({});
  });
});

describe('attack.schema.json', () => {
  const schema = JSON.parse(readFileSync('attack.schema.json', 'utf8')) as object;
  const validate = new Ajv({ strict: true }).compile(schema);

  it.each([
    ['the example', EXAMPLE],
    ['the config of the specs', CONFIG],
  ])('accepts %s', (_, config) => {
    expect([validate(config), validate.errors]).toEqual([true, null]);
  });

  it.each([
    { logut: {} },
    { login: { path: 'login' } },
    { users: {} },
    { write: { path: '/data' } },
    { csrf: { path: '/a', from: {}, to: { header: 'x' } } },
    { parallel: 1 },
    { skip: { logout: 1 } },
  ])('refuses %j, as the program does', (change) => {
    expect(validate({ ...CONFIG, ...change })).toBe(false);
    expect(complaint(change)).not.toBe('none');
  });
});

describe('hosts', () => {
  it.each(['localhost', '127.0.0.1', '127.1.2.3', '[::1]', 'LOCALHOST'])('are loopback: %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  const foreign = [
    'example.com',
    'localhost.example.com',
    '127.0.0.1.nip.io',
    '10.0.0.1',
    '0.0.0.0',
    '[::2]',
  ];
  it.each(foreign)('are not loopback, and have to be named twice: %s', (host) => {
    const target = targetOf(`https://${host}`);
    const check = (allowed?: string, owned?: string, insecure = false) =>
      checkHost(target, { allowed, owned }, insecure);
    expect(() => check()).toThrow('is not this machine');
    expect(() => check(host)).toThrow('is not this machine');
    expect(() => check(undefined, host)).toThrow('is not this machine');
    expect(() => check(host, 'other.example')).toThrow('is not this machine');
    expect(() => check(host, host, true)).toThrow('--insecure is for loopback only');
    expect(() => check(host, host)).not.toThrow();
  });

  it.each(['example.com', 'ftp://localhost', 'http://a:b@localhost', 'http://localhost/app', ''])(
    'are no target: %s',
    (text) => {
      expect(() => targetOf(text)).toThrow(/^Give the target/);
    },
  );

  it('is understood as the URL is, whatever its notation', () => {
    expect(() =>
      checkHost(targetOf('http://0x7f000001:80'), { allowed: undefined, owned: undefined }, false),
    ).not.toThrow();
  });
});
