import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { compiled, type Compiled } from '../support/compiled.js';
import { CONFIG, Target, type Flaws } from './target.js';

let code: Compiled;
let directory: string;
const targets: Target[] = [];

beforeAll(async () => {
  code = await compiled();
}, 60_000);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sessions-attack-'));
});

afterEach(async () => {
  for (const target of targets.splice(0)) await target.close();
  rmSync(directory, { recursive: true });
});

afterAll(() => code.remove());

async function target(flaws: Flaws = {}): Promise<Target> {
  const started = await new Target(flaws).listen();
  targets.push(started);
  return started;
}

interface Ran {
  exit: number;
  out: string;
  err: string;
}

/** Runs the program as a process of its own. */
function run(args: string[], config: object | null = CONFIG): Promise<Ran> {
  if (config) writeFileSync(join(directory, 'attack.json'), JSON.stringify(config));
  const main = join(dirname(code.script('x')), '..', '..', 'lib', 'command', 'main.js');
  const { NODE_OPTIONS: _, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd: directory, env }, (error, out, err) =>
      resolve({ exit: error ? Number(error.code) : 0, out, err }),
    );
  });
}

const file = (name: string): string => readFileSync(join(directory, name), 'utf8');

describe('nest-sessions attack', () => {
  it('ends with 0 where nothing is found, with a line for each check', async () => {
    const { url } = await target();
    const { exit, out } = await run(['attack', url]);
    expect([exit, out.match(/^ok /gm)?.length]).toEqual([0, out.split('\n').length - 2]);
    expect(out).toMatch(/ 0 not applicable\. Passed\.\n$/);
  });

  it('ends with 1 where something is found, unless it is less severe than --fail-on', async () => {
    const { url } = await target({ fault: 'logout leaves the cookie' });
    const only = ['--only', 'logout,logout-cookie'];
    const found = await run(['attack', url, ...only]);
    expect([found.exit, found.out]).toEqual([1, expect.stringContaining('OWASP ASVS 5.0: 7.4.1')]);
    expect((await run(['attack', url, ...only, '--fail-on', 'error'])).exit).toBe(0);
  });

  it('shows what was found also where a report cannot be written', async () => {
    const { url } = await target({ fault: 'logout leaves the cookie' });
    const { exit, out, err } = await run([
      'attack',
      url,
      '--only',
      'logout-cookie',
      '--json',
      'no/such.json',
    ]);
    expect([exit, err]).toEqual([2, 'no/such.json cannot be written (ENOENT).\n']);
    expect(out).toMatch(/1 failed, .* Failed: 1 at or above "warning", or not carried out\.\n$/);
  });

  it('repeats the reason of a check that is skipped', async () => {
    const { url } = await target({ fault: 'logout leaves the cookie' });
    const skip = { 'logout-cookie': 'The proxy takes it away.' };
    const { exit, out } = await run(['attack', url, '--only', 'logout-cookie'], { ...CONFIG, skip });
    expect([exit, out]).toEqual([0, expect.stringContaining('Skipped: The proxy takes it away.')]);
  });

  it.each([
    ['an unknown command', ['atack'], 'Did you mean "attack"?'],
    ['an unknown option', ['attack', 'http://localhost:1', '--jsn', 'x'], '--help'],
    ['no target', ['attack'], 'Give the target'],
    ['an unknown check', ['attack', 'http://localhost:1', '--only', 'logot'], 'Did you mean "logout"?'],
    ['an unknown severity', ['attack', 'http://localhost:1', '--fail-on', 'high'], 'error, warning or info'],
    ['a target that does not respond', ['attack', 'http://127.0.0.1:1'], 'ECONNREFUSED'],
    ['a foreign host', ['attack', 'https://example.com'], '--allow-host example.com'],
    [
      'a foreign host, named once',
      ['attack', 'https://example.com', '--allow-host', 'example.com'],
      '"iOwn"',
    ],
  ])('ends with 2 for %s', async (_, args, message) => {
    const { exit, out, err } = await run(args);
    expect([exit, out, err]).toEqual([2, '', expect.stringContaining(message)]);
  });

  it('ends with 2 where the config does not fit the target', async () => {
    const { url } = await target();
    const first = { name: 'alice', password: 'wrong-password' };
    const refused = await run(['attack', url], { ...CONFIG, users: { first } });
    expect([refused.exit, refused.err]).toEqual([
      2,
      expect.stringContaining('The login does not work: status 401'),
    ]);
    expect(refused.err).not.toContain('wrong-password');
    const always = await run(['attack', url], { ...CONFIG, read: { path: '/' } });
    expect([always.exit, always.err]).toEqual([2, expect.stringContaining('make it stricter')]);
    expect((await run(['attack', url], { ...CONFIG, cookie: 'other' })).err).toContain(
      'sets no cookie "other"',
    );
  });

  it('gives up on a target that takes too long', async () => {
    const { url } = await target({ fault: 'shares the user between requests' });
    const { exit, err } = await run(['attack', url, '--timeout', '1']);
    expect([exit, err]).toEqual([2, expect.stringContaining('no response within 1 ms')]);
  });

  it('writes an example, and over no file', async () => {
    expect((await run(['attack', '--init'], null)).exit).toBe(0);
    expect(JSON.parse(file('attack.json'))).toHaveProperty('login.path', '/login');
    const again = await run(['attack', '--init'], null);
    expect([again.exit, again.err]).toEqual([2, 'attack.json exists already.\n']);
  });

  it('lists the checks, and helps', async () => {
    expect((await run(['attack', '--list'])).out).toMatch(/^logout +error /m);
    expect((await run([])).out).toContain('attack <url>');
  });

  it('writes reports that hold no password, no cookie and no body', async () => {
    const started = await target({ fault: 'token in a body' });
    const args = ['--json', 'out.json', '--junit', 'out.xml', '--html', 'out.html'];
    const { exit, out, err } = await run(['attack', started.url, ...args]);
    expect([exit, err]).toEqual([1, '']);
    const report = JSON.parse(file('out.json')) as {
      passed: boolean;
      checks: { id: string; outcome: string }[];
    };
    expect(report.passed).toBe(false);
    expect(report.checks.filter(({ outcome }) => outcome !== 'passed').map(({ id }) => id)).toEqual([
      'token-leak',
    ]);
    const texts = [
      out,
      ...readdirSync(directory)
        .filter((name) => name.startsWith('out'))
        .map(file),
    ];
    expect(texts.map((text) => text.includes('Set-Cookie only'))).toEqual([true, true, true, true]);
    expect(started.issued.length).toBeGreaterThan(50);
    const secrets = [...started.issued, CONFIG.users.first.password, CONFIG.users.second.password];
    for (const secret of secrets) expect(texts.filter((text) => text.includes(secret))).toEqual([]);
  });
});
