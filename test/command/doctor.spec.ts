import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { argumentsOf } from '../../lib/command/doctor/arguments.js';
import { settingsFindings } from '../../lib/command/doctor/settings.js';
import { siteFindings, type Site } from '../../lib/command/doctor/site.js';
import type { DoctorReport } from '../../lib/command/doctor/report.js';
import { resolveOwnSettings } from '../../lib/nest/options/session.settings.js';
import { makeCertificate } from '../support/certificate.js';
import { SECRET } from '../support/platforms.js';
import { describePostgres } from '../support/postgres.js';
import { describeWithRedis, startRedis, stopServers } from '../support/servers.js';
import { moduleText, Program } from './program.js';

let program: Program;

beforeAll(async () => {
  program = await Program.make();
}, 60_000);

afterAll(() => program.remove());

const MODULE = moduleText(
  '{ secret: process.env.SESSION_SECRET }',
  "console.log('printed by the application');",
);
const ENV = { SESSION_SECRET: SECRET };

/** The levels and findings of a result in JSON. */
async function examined(args: readonly string[], env: Record<string, string> = {}) {
  const { exit, out, err } = await program.run(['doctor', ...args, '--json'], env);
  if (exit > 1) throw new Error(err);
  const report = JSON.parse(out) as DoctorReport;
  const of = (level: string): string[] =>
    report.findings
      .filter((one) => one.level === level)
      .map(({ finding, remedy = '' }) => `${finding} ${remedy}`);
  return {
    exit,
    report,
    text: out,
    ok: of('ok').join('\n'),
    warnings: of('warning'),
    problems: of('problem'),
  };
}

describe('nest-sessions doctor', () => {
  it.each<[string, string[], RegExp]>([
    ['nothing to check', [], /Give what is to be checked/],
    ['an unknown option', ['--rediss', 'x'], /nest-sessions doctor --help/],
    ['two modules', ['a.js', 'b.js'], /Give one module/],
    ['an address that is none', ['--redis', 'user:pa55word@host'], /--redis: give an address such as/],
    [
      'an option without what it belongs to',
      ['--url', 'http://localhost:1', '--table', 'x'],
      /--table needs --postgres/,
    ],
    [
      'no module beside --export',
      ['--redis', 'redis://localhost', '--export', 'A'],
      /--export needs a module/,
    ],
    ['no address beside --cookie', ['--redis', 'redis://localhost', '--cookie', 'a'], /--cookie needs --url/],
    ['no file', ['none.js'], /none\.js cannot be loaded/],
    ['a timeout that is none', ['--redis', 'redis://localhost', '--timeout', '0'], /--timeout: give seconds/],
    ['no file of variables', ['none.js', '--env', 'none'], /--env: none cannot be read/],
    [
      'an address that the driver refuses',
      ['--redis', 'redis://:pa55word@localhost/name'],
      /--redis: the driver refuses the address/,
    ],
    [
      'a table that the store refuses',
      ['--postgres', 'postgres://postgres:pa55word@localhost/app', '--table', 'a b'],
      /^PostgresStore: table: a name of letters/,
    ],
  ])('ends with 2 for %s', async (_, args, message) => {
    const { exit, out, err } = await program.run(['doctor', ...args]);
    expect([exit, out, err]).toEqual([2, '', expect.stringMatching(message)]);
    expect(err).not.toContain('pa55word');
  });

  it('takes each scheme of a server, and a timeout of at most ten minutes', () => {
    for (const url of ['redis://a', 'rediss://a']) expect(argumentsOf(['--redis', url]).redis?.url).toBe(url);
    for (const url of ['postgres://a/b', 'postgresql://a/b'])
      expect(argumentsOf(['--postgres', url]).postgres?.url).toBe(url);
    expect(argumentsOf(['a.js', '--timeout', '600']).timeout).toBe(600_000);
    expect(() => argumentsOf(['a.js', '--timeout', '601'])).toThrow(/--timeout: give seconds/);
  });

  it.each([
    ['no module', 'export const one = 1;', [], /exports no module of Nest/],
    ['another name', MODULE, ['--export', 'Other'], /exports no module "Other"/],
    [
      'several modules',
      `${MODULE.replaceAll('AppModule', 'A')}\nexport class B {}\nModule({ providers: [] })(B);`,
      [],
      /exports 2 modules: name one with --export/,
    ],
  ])('ends with 2 for a file with %s', async (_, text, args, message) => {
    const file = program.write('odd.mjs', text);
    const { exit, err } = await program.run(['doctor', file, ...args], ENV);
    expect([exit, err]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe('nest-sessions doctor with a module', () => {
  it('prints a line for each finding, and ends with 0 where there is no problem', async () => {
    const { exit, out } = await program.run(['doctor', program.write('app.module.mjs', MODULE)], ENV);
    expect(exit).toBe(0);
    expect(out).toMatch(/^ok {7}application {2}It starts, with NODE_ENV unset\.$/m);
    expect(out).toMatch(/^ok {7}secret {7}One secret of \d+ bytes/m);
    expect(out).toMatch(/^ok {7}cookie {7}__Host-session: Secure, HttpOnly, SameSite=lax/m);
    expect(out).toMatch(/^ok {7}store {8}The session store stores, changes, loads and ends sessions/m);
    expect(out).toMatch(/^\d+ ok, 0 warnings, 0 problems\.\n$/m);
  });

  it('keeps the standard output for the result, without a secret', async () => {
    const { exit, out, err } = await program.run(
      ['doctor', program.write('app.module.mjs', MODULE), '--json'],
      ENV,
    );
    expect([exit, JSON.parse(out)]).toMatchObject([0, { passed: true, counts: { problem: 0 } }]);
    expect(err).toContain('printed by the application');
    expect(out + err).not.toContain(SECRET);
  });

  it('reads variables from a file', async () => {
    program.write('variables', `SESSION_SECRET=${SECRET}\n`);
    const { exit } = await examined([program.write('app.module.mjs', MODULE), '--env', 'variables']);
    expect(exit).toBe(0);
  });

  it('closes the application, and is stricter in production', async () => {
    const options = '{ secret: process.env.SESSION_SECRET, cookie: { secure: false } }';
    const text = `${moduleText(options)}AppModule.prototype.onModuleDestroy = () => console.log('closed');`;
    const file = program.write('open.mjs', text);
    const { exit, out, err } = await program.run(['doctor', file], { ...ENV, NODE_ENV: 'production' });
    expect([exit, out]).toEqual([
      1,
      expect.stringMatching(/^problem {2}cookie {7}The cookie is not Secure/m),
    ]);
    expect(err).toContain('closed');
  });

  it('finds the store of memory in production', async () => {
    const file = program.write('app.module.mjs', MODULE);
    const { exit, problems } = await examined([file], { ...ENV, NODE_ENV: 'production' });
    expect([exit, problems]).toEqual([1, [expect.stringMatching(/memory of this process.*RedisStore/)]]);
  });

  it('finds that the application does not start, and why', async () => {
    const file = program.write('app.module.mjs', MODULE);
    const { exit, problems, text } = await examined([file], { SESSION_SECRET: 'too-short-a-secret' });
    expect([exit, problems]).toEqual([1, [expect.stringMatching(/does not start: .*less than 32/)]]);
    expect(text).not.toContain('too-short-a-secret');
    const missing = await examined([file]);
    expect(missing.problems).toEqual([
      expect.stringMatching(
        /secret: it is missing\. Make one with: npx nest-sessions secret, .*environment\. If .* --env \.env\.$/,
      ),
    ]);
    const without = program.write('other.mjs', `${MODULE}\nexport class Other {}\nModule({})(Other);`);
    const other = await examined([without, '--export', 'Other'], ENV);
    expect(other.problems).toEqual([
      expect.stringMatching(/No module of the application imports SessionModule/),
    ]);
  });

  it('takes a module that throws while it is loaded for an application that does not start', async () => {
    const source = 'fromExpressSession({ secret: undefined, store: {}, map: () => undefined })';
    const file = program.write(
      'throwing.mjs',
      moduleText(
        `{ secret: process.env.SESSION_SECRET, migrate: [${source}] }`,
        "import { fromExpressSession } from 'nest-sessions/migrate';",
      ),
    );
    const ours = await examined([file], ENV);
    expect([ours.exit, ours.problems]).toEqual([
      1,
      [
        expect.stringMatching(
          /^The application does not start: fromExpressSession\(\): secret: (?!.*\*\*\*|.*\.\.)/,
        ),
      ],
    ]);
    const theirs = await examined(
      [program.write('variables.mjs', `throw new Error('DATABASE_URL is not set.');${MODULE}`)],
      ENV,
    );
    expect([theirs.exit, theirs.problems]).toEqual([
      1,
      [expect.stringMatching(/does not start: Error: DATABASE_URL is not set\. Set the variables/)],
    ]);
  });

  it('does not wait for a file that is never loaded, and takes an application that exits for no success', async () => {
    const waiting = program.write('waiting.mjs', `await new Promise(() => undefined);${MODULE}`);
    const late = await program.run(['doctor', waiting, '--timeout', '0.5'], ENV);
    expect([late.exit, late.out, late.err]).toEqual([2, '', expect.stringMatching(/took longer than 0.5 s/)]);
    const exiting = program.write('exiting.mjs', `${MODULE}process.exit(0);`);
    const { exit, out, err } = await program.run(['doctor', exiting], ENV);
    expect([exit, out, err]).toEqual([1, '', expect.stringMatching(/ended before there was a result/)]);
  });

  it('finds sealed cookies that nothing revokes', async () => {
    const options = '{ secret: process.env.SESSION_SECRET, store: new SealedCookie({ revocations: false }) }';
    const text = moduleText(options, "import { SealedCookie } from 'nest-sessions/sealed';");
    const { exit, warnings } = await examined([program.write('sealed.mjs', text)], ENV);
    expect([exit, warnings]).toEqual([0, [expect.stringMatching(/no revocation list.*RedisRevocations/)]]);
  });
});

describeWithRedis('nest-sessions doctor --redis', () => {
  afterAll(stopServers);

  it('is content with a server that keeps everything', async () => {
    const { url } = await startRedis(['--appendonly', 'yes']);
    const { exit, ok, warnings, problems } = await examined(['--redis', url]);
    expect([exit, warnings, problems]).toEqual([0, [], []]);
    for (const line of [
      'Redis \\d',
      'noeviction',
      'appendonly yes',
      'events between nodes arrive',
      'a load takes',
      'the clocks',
    ])
      expect(ok).toMatch(new RegExp(line));
  });

  it('finds eviction, and what a restart takes away', async () => {
    const { url } = await startRedis(['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']);
    const { exit, warnings, problems } = await examined(['--redis', url]);
    expect([exit, problems]).toEqual([1, [expect.stringMatching(/evicts keys.*noeviction/)]]);
    expect(warnings).toEqual([expect.stringMatching(/keeps nothing on disk/)]);
  });

  it('finds snapshots, after which sessions that were ended are live again', async () => {
    const server = await startRedis();
    await server.cli('CONFIG', 'SET', 'save', '3600 1');
    expect((await examined(['--redis', server.url])).warnings).toEqual([
      expect.stringMatching(/snapshots only/),
    ]);
  });

  it('finds what the user of the client may not do, and shows no password', async () => {
    const server = await startRedis(['--appendonly', 'yes']);
    const rights = ['on', '>pa55-w0rd', '~nest-sessions:*', 'resetchannels', '+@all'];
    await server.cli('ACL', 'SETUSER', 'app', ...rights);
    const url = `redis://app:pa55-w0rd@127.0.0.1:${server.port}`;
    const { exit, warnings, text } = await examined(['--redis', url]);
    expect([exit, warnings]).toEqual([
      0,
      [expect.stringMatching(/events between nodes do not arrive.*\+subscribe/)],
    ]);
    await server.cli('ACL', 'SETUSER', 'app', '-eval', '-evalsha');
    const refused = await examined(['--redis', url]);
    expect([refused.exit, refused.problems]).toEqual([
      1,
      [expect.stringMatching(/does not store a session/)],
    ]);
    expect(text + refused.text).not.toContain('pa55-w0rd');
  });

  it('says why a connection fails, and shows no password', async () => {
    const server = await startRedis();
    await server.cli('CONFIG', 'SET', 'requirepass', 'pa55-w0rd');
    const without = await examined(['--redis', server.url]);
    expect([without.exit, without.problems]).toEqual([
      1,
      [expect.stringMatching(/does not respond: .*NOAUTH/)],
    ]);
    const wrong = await examined(['--redis', `redis://:wr0ng-w0rd@127.0.0.1:${server.port}`]);
    expect([wrong.exit, wrong.problems]).toEqual([
      1,
      [expect.stringMatching(/does not respond: .*WRONGPASS/)],
    ]);
    expect(wrong.text).not.toContain('wr0ng-w0rd');
  });

  it('does not wait for a server that takes connections and never answers', async () => {
    const silent = createTcpServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const { exit, problems } = await examined(['--redis', `redis://127.0.0.1:${port}`, '--timeout', '0.3']);
    silent.close();
    expect([exit, problems]).toEqual([1, [expect.stringMatching(/no response within 600 ms/)]]);
  });

  it('leaves nothing behind, and finds a server that is gone', async () => {
    const server = await startRedis(['--appendonly', 'yes']);
    await examined(['--redis', server.url]);
    expect(await server.cli('KEYS', '*')).toBe('');
    await server.kill();
    const { exit, problems } = await examined(['--redis', `redis://user:pa55-w0rd@127.0.0.1:${server.port}`]);
    expect([exit, problems]).toEqual([
      1,
      [expect.stringMatching(new RegExp(`ECONNREFUSED.*:${server.port}`))],
    ]);
    expect(problems[0]).not.toContain('pa55-w0rd');
  });
});

describePostgres('nest-sessions doctor --postgres', (server) => {
  const url = (): string => `postgres://postgres@127.0.0.1:${server().port}/postgres`;
  const DDL = async (): Promise<void> => {
    const { PostgresStore } = await import('nest-sessions/postgres');
    await server().ask(PostgresStore.ddl('doctor'));
  };
  const found = (): ReturnType<typeof examined> => examined(['--postgres', url(), '--table', 'doctor']);

  it('finds a table that is missing, and is content when it is there', async () => {
    const before = await found();
    expect([before.exit, before.problems[0]]).toEqual([
      1,
      expect.stringMatching(/"doctor" does not exist.*migrate\(\)/),
    ]);
    await DDL();
    const { exit, problems, ok } = await found();
    expect([exit, problems]).toEqual([0, []]);
    for (const line of [
      'PostgreSQL \\d',
      'has its indexes',
      'events between nodes arrive',
      'a load takes',
      'the clocks',
    ])
      expect(ok).toMatch(new RegExp(line));
    expect(await server().ask('SELECT id FROM doctor')).toEqual([]);
  });

  it('finds an index that is missing, and a table that a crash empties', async () => {
    await DDL();
    await server().ask('DROP INDEX doctor_subject');
    await server().ask('ALTER TABLE doctor SET UNLOGGED');
    expect((await found()).warnings).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/no valid index on subject/),
        expect.stringMatching(/UNLOGGED/),
      ]) as string[],
    );
    await server().ask('ALTER TABLE doctor DROP CONSTRAINT doctor_pkey');
    expect((await found()).problems).toEqual([expect.stringMatching(/no primary key on id/)]);
    await server().ask('DROP TABLE doctor');
  });

  it('does not wait for the lock of a table', async () => {
    await DDL();
    const migration = await server().pool().connect();
    await migration.query('BEGIN; LOCK TABLE doctor');
    const { exit, problems } = await examined([
      ...['--postgres', url(), '--table', 'doctor', '--timeout', '0.5'],
    ]);
    await migration.query('ROLLBACK');
    migration.release();
    expect([exit, problems]).toEqual([
      1,
      expect.arrayContaining([
        expect.stringMatching(/does not store a session: .*no response within 500 ms/),
      ]),
    ]);
  });

  it('finds commits that are not durable', async () => {
    await DDL();
    await server().ask('ALTER ROLE postgres SET synchronous_commit = off');
    // The suite's own server runs without fsync.
    expect((await found()).warnings).toEqual([expect.stringMatching(/is off: after a crash/)]);
    await server().ask('ALTER ROLE postgres RESET synchronous_commit');
  });
});

describe('what the options say', () => {
  const levels = (options: object, production = false): string[] =>
    settingsFindings(resolveOwnSettings({ secret: SECRET, ...options } as never), production)
      .filter(({ level }) => level !== 'ok')
      .map(({ level, about, finding }) => `${level} ${about}: ${finding}`);

  it.each<[string, object, RegExp]>([
    [
      'a secret of few characters',
      { secret: 'abcabc'.repeat(8) },
      /^warning secret: .*few different characters/,
    ],
    [
      'a secret that is there twice',
      { secret: [SECRET, SECRET] },
      /^warning secret: .*index 1 of the list is there twice/,
    ],
    [
      'sessions that have to be bound',
      { deviceBound: { require: 'always' } },
      /^warning options: deviceBound\.require.*have no access/,
    ],
    [
      'many secrets',
      { secret: [1, 2, 3, 4].map((n) => `${SECRET}${n}`) },
      /^warning secret: 4 secrets are accepted/,
    ],
    ['a cookie for plain HTTP', { cookie: { secure: false } }, /^warning cookie: .*not Secure/],
    ['a name without a prefix', { cookie: { name: 'sid' } }, /^warning cookie: .*no prefix __Host-/],
    ['SameSite=None', { cookie: { sameSite: 'none' } }, /^warning cookie: SameSite=None/],
    ['no protection from other sites', { crossOrigin: 'allow' }, /^warning options: crossOrigin: 'allow'/],
    [
      'an origin over plain HTTP',
      {
        crossOrigin: {
          allow: ['http://app.example', 'http://localhost:3000', 'http://127.0.0.1:1', 'http://[::1]:1'],
        },
      },
      /^warning options: .*plain HTTP.*: http:\/\/app\.example\.$/,
    ],
    ['no rotation', { rotateEvery: false }, /^warning options: rotateEvery: false/],
  ])('finds %s', (_, options, message) => {
    expect(levels(options)).toEqual([expect.stringMatching(message)]);
  });

  it('finds nothing wrong with the defaults, and a cookie for a domain twice', () => {
    expect(levels({})).toEqual([]);
    expect(levels({ secret: [SECRET, `${SECRET}2`] })).toEqual([]);
    expect(levels({ cookie: { domain: 'example.com' } })).toHaveLength(2);
    expect(levels({ cookie: { secure: false } }, true)).toEqual([expect.stringMatching(/^problem cookie/)]);
  });
});

describe('what a running application sends', () => {
  const servers: Server[] = [];
  let requests: { headers: IncomingHttpHeaders; body: string; method: string }[] = [];

  afterEach(async () => {
    requests = [];
    for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
  });

  let given = 0;
  const GOOD = '__Host-session={}; Path=/; Secure; HttpOnly; SameSite=Lax';

  /** The findings about a server that sets this cookie, `{}` being another value each time. */
  async function findingsOf(cookie: string | undefined, headers: object = {}, site: Partial<Site> = {}) {
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        requests.push({ headers: request.headers, body, method: request.method! });
        const value = cookie?.replace('{}', `value-${++given}`);
        response.writeHead(200, { ...(value && { 'set-cookie': value }), ...headers }).end();
      });
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await new Promise((done) => server.once('listening', done));
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/login?a=b`);
    const found = await siteFindings({ url, post: undefined, cookie: undefined, timeout: 5_000, ...site });
    expect(JSON.stringify(found)).not.toContain('value-');
    return found.filter(({ level }) => level !== 'ok').map(({ level, finding }) => `${level}: ${finding}`);
  }

  const PRIVATE = { 'cache-control': 'private, no-store' };

  it.each<[string, string, object, RegExp]>([
    ['no Secure', 'sid={}; Path=/; HttpOnly; SameSite=Lax', PRIVATE, /problem: sid is not Secure/],
    [
      'no HttpOnly',
      '__Host-sid={}; Path=/; Secure; SameSite=Lax',
      PRIVATE,
      /problem: __Host-sid is not HttpOnly/,
    ],
    [
      'no SameSite',
      '__Host-sid={}; Path=/; Secure; HttpOnly',
      PRIVATE,
      /warning: __Host-sid has no SameSite/,
    ],
    ['SameSite=None', `${GOOD.replace('Lax', 'None')}`, PRIVATE, /warning: .*SameSite=None/],
    ['a Domain beside __Host-', `${GOOD}; Domain=example.com`, PRIVATE, /problem: .*rules of its prefix/],
    [
      'no Secure beside __Secure-',
      '__Secure-sid={}; HttpOnly; SameSite=Lax',
      PRIVATE,
      /problem: .*rules of its/,
    ],
    ['a path beside __Host-', GOOD.replace('Path=/', 'Path=/app'), PRIVATE, /problem: .*rules of its prefix/],
    ['no prefix', GOOD.replace('__Host-', ''), PRIVATE, /warning: session has no prefix/],
    ['too many bytes', GOOD.replace('{}', `{}${'x'.repeat(4100)}`), PRIVATE, /problem: .*browsers keep 4096/],
    ['no Cache-Control', GOOD, {}, /problem: .*no Cache-Control/],
    ['a public one', GOOD, { 'cache-control': 'public, max-age=60' }, /problem: .*no Cache-Control/],
    [
      'one cookie for all',
      GOOD.replace('{}', 'same'),
      PRIVATE,
      /problem: Two visitors were given the same cookie/,
    ],
    [
      'a hit of a cache',
      GOOD,
      { ...PRIVATE, 'x-cache': 'HIT from cdn' },
      /problem: .*out of a cache \(x-cache\)/,
    ],
    ['an age', GOOD, { ...PRIVATE, age: '7' }, /problem: .*out of a cache \(age\)/],
  ])('finds %s', async (_, cookie, headers, message) => {
    expect(await findingsOf(cookie, headers)).toEqual(
      expect.arrayContaining([expect.stringMatching(message)]),
    );
  });

  it('finds nothing wrong with a cookie as it should be', async () => {
    expect(await findingsOf(GOOD, PRIVATE)).toEqual([]);
    expect(await findingsOf(GOOD, { 'cache-control': 'no-store' })).toEqual([]);
    // Without a value it is nobody's.
    expect(await findingsOf(GOOD.replace('{}', ''), PRIVATE)).toEqual([]);
  });

  it('says what to do where no cookie is set, or another one', async () => {
    expect(await findingsOf(undefined)).toEqual([expect.stringMatching(/status 200\) sets no cookie,/)]);
    expect(await findingsOf(GOOD, PRIVATE, { cookie: 'sid' })).toEqual([
      expect.stringMatching(/sets no cookie sid/),
    ]);
    expect(await findingsOf('__Host-session=; Max-Age=0')).toEqual([
      expect.stringMatching(/sets no cookie,/),
    ]);
  });

  it('posts what it is given, as a form or as JSON, as a page of the same origin would', async () => {
    await findingsOf(GOOD, PRIVATE, { post: 'name=alice&password=x' });
    await findingsOf(GOOD, PRIVATE, { post: '\n{"name":"alice"}' });
    expect(requests.map(({ method, body, headers }) => [method, body, headers['content-type']])).toEqual([
      ...Array<unknown>(2).fill(['POST', 'name=alice&password=x', 'application/x-www-form-urlencoded']),
      ...Array<unknown>(2).fill(['POST', '\n{"name":"alice"}', 'application/json']),
    ]);
    expect(requests[0]!.headers['sec-fetch-site']).toBe('same-origin');
    expect(requests[0]!.headers.origin).toBe(`http://${requests[0]!.headers.host}`);
  });

  it('finds an application that does not respond', async () => {
    const url = new URL('http://127.0.0.1:1/');
    const [found] = await siteFindings({ url, post: undefined, cookie: undefined, timeout: 1_000 });
    expect(found).toMatchObject({
      level: 'problem',
      finding: expect.stringMatching(/ECONNREFUSED/) as string,
      remedy: 'Start the application, and check the address.',
    });
  });

  it('names the remedy for a certificate that nobody has signed', async () => {
    const { key, cert } = makeCertificate();
    const tls = createTlsServer({ key, cert }).listen(0, 'localhost');
    try {
      await once(tls, 'listening');
      const url = new URL(`https://localhost:${(tls.address() as AddressInfo).port}/`);
      const [found] = await siteFindings({ url, post: undefined, cookie: undefined, timeout: 10_000 });
      expect(found).toMatchObject({
        level: 'problem',
        finding: expect.stringMatching(/self-signed certificate/) as string,
        remedy: 'Set NODE_EXTRA_CA_CERTS to its certificate.',
      });
    } finally {
      tls.close();
    }
  });
});
