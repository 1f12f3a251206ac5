import { validateHeaderValue } from 'node:http';
import { Controller, Get, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { IsString } from 'class-validator';
import {
  isSessionError,
  MemoryStore,
  Public,
  Relogin,
  SessionModule,
  SessionService,
  type SessionModuleOptions,
  type SessionOptionsFactory,
} from 'nest-sessions';
import { PostgresRevocations, PostgresStore } from 'nest-sessions/postgres';
import { RedisRevocations, RedisStore } from 'nest-sessions/redis';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { z } from 'zod';
import { expireCookie, setCookie } from '../../../lib/core/token/cookie.js';
import { Concealed } from '../../../lib/core/util/concealed.js';
import { resolveSettings } from '../../../lib/nest/options/session.settings.js';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, SECRET, start } from '../../support/platforms.js';

afterEach(closeAll);

class Shape {
  @IsString() name!: string;
}

/** Starts an application with these options, whatever their types, and returns what it says. */
async function complaint(options: object): Promise<string> {
  try {
    const module = await Test.createTestingModule({
      imports: [SessionModule.forRoot({ secret: SECRET, ...options })],
    }).compile();
    await module.close();
  } catch (error) {
    if (isSessionError(error) && error.code === 'ERR_OPTIONS') return error.message;
    throw error;
  }
  return '';
}

/** An option, what is wrong with it, and what the message has to name for a remedy. */
const WRONG: [string, object, RegExp][] = [
  ['no secret', { secret: undefined }, /secret: it is missing.*randomBytes\(32\)/],
  ['an empty secret', { secret: '' }, /secret: it is missing.*randomBytes/],
  ['no secret in the list', { secret: [] }, /secret: it is missing.*randomBytes/],
  ['an empty secret in the list', { secret: [SECRET, ''] }, /secret: it is missing/],
  ['a secret that is no text', { secret: 12345 }, /secret: it is missing/],
  ['a secret of 31 bytes', { secret: SECRET.slice(0, 31) }, /secret: it has 31 bytes.*randomBytes/],
  ['an old secret that is short', { secret: [SECRET, 'short'] }, /secret: it has 5 bytes/],
  ['a secret of one character', { secret: 'a'.repeat(64) }, /secret: it looks like a default/],
  ...[
    'changeme',
    'keyboard cat',
    'your-secret-key',
    'replace-me',
    'change-this-to-something-random-please',
  ].map((secret): [string, object, RegExp] => [
    `the secret "${secret}"`,
    { secret: secret.padEnd(40, '0123456789') },
    /secret: it looks like a default.*randomBytes/,
  ]),
  [
    '__Host- with a domain',
    { cookie: { name: '__Host-a', domain: 'a.example' } },
    /cookie\.domain:.*__Secure-/,
  ],
  [
    '__HOST- with a domain',
    { cookie: { name: '__HOST-a', domain: 'a.example' } },
    /cookie\.domain:.*__Secure-/,
  ],
  ['__host- with a path', { cookie: { name: '__host-a', path: '/app' } }, /cookie\.path:.*__Secure-/],
  ['a path with an accent', { cookie: { path: '/caf\u00e9' } }, /cookie\.path:.*'\/caf%C3%A9'/],
  ['a path with a dash', { cookie: { path: '/a\u2013b' } }, /cookie\.path:.*'\/a%E2%80%93b'/],
  ['a path with half a surrogate', { cookie: { path: '/\ud800' } }, /cookie\.path:.*'\/%EF%BF%BD'/],
  ['a path with NUL', { cookie: { path: '/a\0' } }, /cookie\.path:.*'\/a%00'/],
  ['a path with DEL', { cookie: { path: '/a\x7f' } }, /cookie\.path:.*'\/a%7F'/],
  ['a path with <', { cookie: { path: '/a<b' } }, /cookie\.path:.*'\/a%3Cb'/],
  ['a path that is half encoded', { cookie: { path: '/%20\u00e9' } }, /cookie\.path:.*'\/%20%C3%A9'/],
  ['a path with ;', { cookie: { path: '/a;b' } }, /cookie\.path: it begins with/],
  ['a path that is no text', { cookie: { path: 7 } }, /cookie\.path: it begins with/],
  ['a domain with an accent', { cookie: { domain: 'caf\u00e9.example' } }, /cookie\.domain:.*xn--/],
  ['a domain that begins with a hyphen', { cookie: { domain: '-a.example' } }, /cookie\.domain:/],
  ['a domain that ends in a hyphen', { cookie: { domain: 'a-.example' } }, /cookie\.domain:/],
  ['a label of 64 letters', { cookie: { domain: `${'a'.repeat(64)}.example` } }, /cookie\.domain:/],
  ['a name with an accent', { cookie: { name: 'caf\u00e9' } }, /cookie\.name:/],
  ['a re-login page with an accent', { relogin: { url: '/acc\u00e8s' } }, /relogin\.url:.*'\/acc%C3%A8s'/],
  [
    'a re-login page with a dash',
    { relogin: { url: '/a\u2013b?c=1' } },
    /relogin\.url:.*'\/a%E2%80%93b\?c=1'/,
  ],
  ['a re-login page with a line', { relogin: { url: '/a\r\nx: y' } }, /relogin\.url: a path/],
  ['a re-login page with NUL', { relogin: { url: '/a\0' } }, /relogin\.url:.*'\/a%00'/],
  ['__Host- without Secure', { cookie: { name: '__Host-a', secure: false } }, /cookie\.secure:.*session/],
  ['__sEcUrE- without Secure', { cookie: { name: '__sEcUrE-a', secure: false } }, /cookie\.secure:.*session/],
  [
    'SameSite=None without Secure',
    { cookie: { sameSite: 'none', secure: false } },
    /cookie\.sameSite:.*secure true/,
  ],
  [
    'Partitioned without Secure',
    { cookie: { partitioned: true, secure: false } },
    /cookie\.partitioned:.*secure true/,
  ],
  ['a name with blanks', { cookie: { name: 'my session' } }, /cookie\.name:.*letters/],
  ['a name that ends the pair', { cookie: { name: 'a=b' } }, /cookie\.name:/],
  ['a path that is none', { cookie: { path: 'app' } }, /cookie\.path: it begins with/],
  ['a path with an attribute', { cookie: { path: '/; Domain=evil' } }, /cookie\.path:/],
  ['a domain that is a URL', { cookie: { domain: 'https://a.example' } }, /cookie\.domain:.*without scheme/],
  ['a domain with an attribute', { cookie: { domain: 'a.example; HttpOnly' } }, /cookie\.domain:/],
  ['an unknown SameSite', { cookie: { sameSite: 'Lax' } }, /cookie\.sameSite: one of 'strict', 'lax'/],
  ['SameSite as express-session has it', { cookie: { sameSite: true } }, /cookie\.sameSite: one of/],
  ["secure: 'auto'", { cookie: { secure: 'auto' } }, /cookie\.secure:.*trust proxy/],
  ['partitioned as text', { cookie: { partitioned: 'yes' } }, /cookie\.partitioned: true or false/],
  ['an unknown priority', { cookie: { priority: 'urgent' } }, /cookie\.priority: one of/],
  ['a cookie that is none', { cookie: 'sid' }, /cookie: give an object/],
  ['an idle longer than the lifetime', { idle: '32d' }, /idle: it is longer than lifetime.*at most as long/],
  [
    'a remembered idle longer than its lifetime',
    { remember: { idle: '2d', lifetime: '1d' } },
    /remember\.idle: it is longer than remember\.lifetime/,
  ],
  ['a cookie for over 400 days', { remember: { lifetime: '401d' } }, /remember\.lifetime:.*'400d'/],
  ['rolling less often than idle', { idle: '5m', rollEvery: '5m' }, /rollEvery:.*shorter/],
  ...['lifetime', 'idle', 'rollEvery', 'rotateEvery', 'rotateGrace', 'storeTimeout'].flatMap((name) =>
    ['300', 'soon', '', '5 parsecs', 0, -1, NaN, Infinity, null, {}, true, '-5m'].flatMap(
      (value): [string, object, RegExp][] =>
        value === null && name !== 'rotateEvery'
          ? []
          : [[`${name}: ${JSON.stringify(value)}`, { [name]: value }, new RegExp(`${name}: .*'5m'`)]],
    ),
  ),
  ['rotateEvery: true', { rotateEvery: true }, /rotateEvery: true is not a duration/],
  ['a nested duration', { remember: { lifetime: 'long' } }, /remember\.lifetime: "long" is not a duration/],
  ['a nested window', { relogin: { within: '300' } }, /relogin\.within: "300" is not a duration/],
  ['another site for the re-login', { relogin: { url: 'https://a.example' } }, /relogin\.url: a path/],
  ['a host for the re-login', { relogin: { url: '//evil.example' } }, /relogin\.url: a path/],
  ['a backslash for the re-login', { relogin: { url: '/\\evil.example' } }, /relogin\.url: a path/],
  [
    'a store of express-session',
    { store: { get() {}, set() {}, destroy() {} } },
    /store:.*RedisStore.*express-session/,
  ],
  [
    'a store of before, which cannot mark a revocation',
    { store: { load() {}, create() {}, commit() {}, destroy() {}, list() {} } },
    /store:.*SessionStore/,
  ],
  ['a data shape that is none', { data: { name: 'string' } }, /data: give a class.*Standard Schema/],
  [
    'a schema that takes its time',
    { data: { '~standard': { version: 1, vendor: 'spec', validate: () => Promise.resolve({ value: {} }) } } },
    /data: the schema validates asynchronously/,
  ],
  ['no sessions at all', { maxSessions: 0 }, /maxSessions: a positive whole number/],
  ['half a session', { maxSessions: 1.5 }, /maxSessions:/],
  ['an unknown onExceeded', { onExceeded: 'evict' }, /onExceeded: 'evict-oldest' or 'reject'/],
  ['an unknown protection', { protection: 'max' }, /protection: 'off', 'basic', 'strong'/],
  ['an unknown crossOrigin', { crossOrigin: 'deny' }, /crossOrigin: 'block', 'allow'/],
  ['no allowed origin', { crossOrigin: { allow: [] } }, /crossOrigin\.allow: name at least one/],
  [
    'an origin with a path',
    { crossOrigin: { allow: ['https://a.example/'] } },
    /crossOrigin\.allow:.*without a slash/,
  ],
  ['an origin without scheme', { crossOrigin: { allow: ['a.example'] } }, /crossOrigin\.allow:/],
  ['a wildcard origin', { crossOrigin: { allow: ['*'] } }, /crossOrigin\.allow:/],
  ['an exclude that is no list', { exclude: '/health' }, /exclude: a list of paths/],
  ['a context that is no boolean', { context: 'yes' }, /context: true or false/],
  ['a discloseEviction that is no boolean', { discloseEviction: 1 }, /discloseEviction: true or false/],
  ['a clock that is none', { clock: () => 0 }, /clock: an object with now\(\)/],
  [
    'a misspelt option',
    { lifeTime: '1d' },
    /Unknown option "lifeTime"\. Did you mean "lifetime"\? Known options: secret, /,
  ],
  ['another misspelt option', { rolEvery: '1m' }, /"rolEvery"\. Did you mean "rollEvery"\?/],
  [
    'a misspelt option of the cookie',
    { cookie: { samesite: 'lax' } },
    /"cookie\.samesite"\. Did you mean "cookie\.sameSite"\?/,
  ],
  [
    'a misspelt option of remember',
    { remember: { lifetme: '1d' } },
    /"remember\.lifetme"\. Did you mean "remember\.lifetime"\?/,
  ],
  [
    'a misspelt option of relogin',
    { relogin: { witin: '1m' } },
    /"relogin\.witin"\. Did you mean "relogin\.within"\?/,
  ],
  [
    'a misspelt option of crossOrigin',
    { crossOrigin: { alow: [], allow: ['https://a.example'] } },
    /Did you mean "crossOrigin\.allow"\?/,
  ],
  ['an option of express-session', { resave: false }, /Unknown option "resave"\. Known options: .*secret/],
  ['an httpOnly, which always is', { cookie: { httpOnly: false } }, /Unknown option "cookie\.httpOnly"/],
];

const RIGHT: [string, object][] = [
  ['nothing but a secret', {}],
  ['several secrets', { secret: [SECRET, `${SECRET}-before`] }],
  [
    'every duration',
    { lifetime: '12h', idle: 900_000, rollEvery: '30s', rotateEvery: '1h', rotateGrace: '5s' },
  ],
  ['no rotation', { rotateEvery: false }],
  ['idle as long as lifetime', { lifetime: '1d', idle: '1d' }],
  ['remember for 400 days', { remember: { lifetime: '400d', idle: '400d' } }],
  ['a page for the re-login', { relogin: { within: '10m', url: '/login?again=1' } }],
  ['an intranet', { cookie: { secure: false } }],
  ['a domain', { cookie: { domain: 'example.com', sameSite: 'none', partitioned: true, priority: 'low' } }],
  ['a path', { cookie: { path: '/app' } }],
  ['a store', { store: new MemoryStore() }],
  ['a class', { data: Shape }],
  ['a schema', { data: z.object({ name: z.string() }) }],
  ['limits', { maxSessions: 5, onExceeded: 'reject', discloseEviction: false }],
  ['limits by subject', { maxSessions: () => undefined }],
  ['protection', { protection: 'basic' }],
  ['protection by a function', { protection: () => 'ok' }],
  [
    'origins',
    { crossOrigin: { allow: ['https://a.example', 'http://localhost:3000', 'https://a.example:8443'] } },
  ],
  ['excluded routes', { exclude: ['/health', { path: 'x', method: 0 }], context: false }],
  ['a clock', { clock: new FakeClock() }],
  ['options that are undefined', { store: undefined, idle: undefined, cookie: undefined, data: undefined }],
];

describe('options', () => {
  it.each(WRONG)('are refused at boot: %s', async (_, options, remedy) => {
    const message = await complaint(options);
    expect(message).toMatch(/^SessionModule: /);
    expect(message).toMatch(remedy);
    for (const secret of [(options as { secret?: unknown }).secret].flat())
      if (typeof secret === 'string' && secret.length > 8) expect(message).not.toContain(secret);
  });

  it.each(RIGHT)('are accepted: %s', async (_, options) => {
    expect(await complaint(options)).toBe('');
  });

  it('are refused all in one message', async () => {
    const message = await complaint({ secret: 'short', idle: 'soon', cookie: { nmae: 'x', path: 'y' } });
    for (const part of ['secret:', 'idle:', '"cookie.nmae"', 'cookie.path:']) expect(message).toContain(part);
  });

  it('are missed altogether', async () => {
    for (const options of [undefined, null, {}])
      await expect(
        Test.createTestingModule({ imports: [SessionModule.forRoot(options as never)] }).compile(),
      ).rejects.toMatchObject({ code: 'ERR_OPTIONS' });
  });

  it('of a decorator are checked where the class is defined', () => {
    expect(() => Relogin('soon' as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
    expect(() => Relogin({ within: 0 })).toThrow(/@Relogin\(\): 0 is not a duration/);
    expect(() => Relogin('5m')).not.toThrow();
    expect(() => Relogin({ factor: 'otp' })).not.toThrow();
  });

  it('of the memory store are checked where it is made', () => {
    for (const options of [{ maxCount: 0 }, { maxCount: 1.5 }, { maxBytes: -1 }, { maxCount: NaN }])
      expect(() => new MemoryStore(options)).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
  });

  it('that leave the prefix no room choose another name', async () => {
    const nameWith = async (cookie: SessionModuleOptions['cookie']) => {
      const { url } = await start('express', { controllers: [AppController], options: { cookie } });
      return (await new Browser(url).post('/login', { user: 'alice' })).setCookies[0]!.split('=')[0];
    };
    expect(await nameWith({})).toBe('__Host-session');
    expect(await nameWith({ domain: 'example.com' })).toBe('__Secure-session');
    expect(await nameWith({ path: '/app' })).toBe('__Secure-session');
    expect(await nameWith({ secure: false })).toBe('session');
    expect(await nameWith({ name: 'sid' })).toBe('sid');
  });
});

const client = { call() {}, status: 'ready', isCluster: false } as never;
const pool = { query() {}, connect() {}, on() {}, off() {} } as never;

/** A class, how to make it with options, some that are wrong, and what the message says. */
const CLASSES: [string, (options: object) => unknown, object, RegExp][] = [
  [
    'MemoryStore',
    (options) => new MemoryStore(options),
    { maxcount: 1 },
    /"maxcount"\. Did you mean "maxCount"\?/,
  ],
  ['MemoryStore', (options) => new MemoryStore(options), 'x' as never, /give an object\./],
  ['MemoryRevocations', (options) => new MemoryRevocations(options as never), { ttl: 1 }, /"ttl"/],
  [
    'RedisStore',
    (options) => new RedisStore({ client, ...options }),
    { prefx: 'a' },
    /"prefx"\. Did you mean "prefix"\?/,
  ],
  ['RedisStore', (options) => new RedisStore({ client, ...options }), { prefix: 7 }, /prefix: the text/],
  ['RedisStore', (options) => new RedisStore(options as never), {}, /client: this is no Redis client/],
  [
    'RedisRevocations',
    (options) => new RedisRevocations({ client, ...options }),
    { stalenes: '1s' },
    /"stalenes"\. Did you mean "staleness"\?/,
  ],
  [
    'RedisRevocations',
    (options) => new RedisRevocations({ client, ...options }),
    { staleness: '5' },
    /staleness: "5" is not a duration/,
  ],
  [
    'RedisRevocations',
    (options) => new RedisRevocations(options as never),
    {},
    /client: this is no Redis client/,
  ],
  [
    'PostgresStore',
    (options) => new PostgresStore({ pool, ...options }),
    { tabel: 'a' },
    /"tabel"\. Did you mean "table"\?/,
  ],
  [
    'PostgresRevocations',
    (options) => new PostgresRevocations({ pool, ...options }),
    { event: true },
    /"event"\. Known options: pool, table, staleness\./,
  ],
  [
    'PostgresRevocations',
    (options) => new PostgresRevocations({ pool, ...options }),
    { table: 'a b' },
    /table: the name of a table/,
  ],
  ['PostgresRevocations', (options) => new PostgresRevocations(options as never), {}, /pool: give a Pool/],
  [
    'SealedCookie',
    (options) => new SealedCookie(options),
    { revocation: false },
    /"revocation"\. Did you mean "revocations"\?/,
  ],
  [
    'SealedCookie',
    (options) => new SealedCookie(options),
    { enforceRotation: 'no' },
    /enforceRotation: true or false/,
  ],
  [
    'SealedCookie',
    (options) => new SealedCookie(options),
    { format: 'jwt' },
    /format: one of 'sealed', 'scs' and 'liu'/,
  ],
];

describe('options of a class', () => {
  it.each(CLASSES)('are refused where it is made, by its name: %s', (name, make, options, message) => {
    const making = () => make(options);
    expect(making).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
    expect(making).toThrow(message);
    expect(making).toThrow(new RegExp(`^${name}: `));
  });

  it('are refused all in one message', () => {
    expect(() => new MemoryStore({ maxCount: 0, maxBytes: -1, max: 1 } as never)).toThrow(
      /maxCount: .* maxBytes: .* Unknown option "max"/,
    );
  });
});

describe('the module', () => {
  @Controller()
  class OpenController {
    @Get('private')
    private() {
      return {};
    }

    @Public()
    @Get('public')
    public() {
      return {};
    }
  }

  const started = async (imported: DynamicModule) => {
    const module = await Test.createTestingModule({
      imports: [imported],
      controllers: [OpenController],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    const browser = new Browser(await app.getUrl());
    const statuses = [(await browser.get('/private')).status, (await browser.get('/public')).status];
    await app.close();
    return statuses;
  };

  it.each([
    ['forRoot', SessionModule.forRoot({ secret: SECRET, guard: 'login' })],
    ['forRootAsync', SessionModule.forRootAsync({ useFactory: () => ({ secret: SECRET }), guard: 'login' })],
  ])("guards every handler with guard: 'login' of %s, but the public ones", async (_, imported) => {
    expect(await started(imported)).toEqual([401, 200]);
  });

  it('guards none without it', async () => {
    expect(await started(SessionModule.forRoot({ secret: SECRET }))).toEqual([200, 200]);
  });

  it('is global unless isGlobal is false', async () => {
    @Injectable()
    class Needs {
      constructor(readonly sessions: SessionService) {}
    }
    @Module({ providers: [Needs] })
    class Feature {}
    const compiled = (isGlobal?: boolean) =>
      Test.createTestingModule({
        imports: [SessionModule.forRoot({ secret: SECRET, isGlobal }), Feature],
      }).compile();
    await (await compiled()).close();
    await (await compiled(true)).close();
    await expect(compiled(false)).rejects.toThrow(/resolve dependencies of the Needs/);
  });

  it('refuses an extra that is wrong, and one that a factory gives', async () => {
    expect(() => SessionModule.forRoot({ secret: SECRET, guard: 'logon' as never })).toThrow(
      /^SessionModule: guard: 'login'/,
    );
    expect(() => SessionModule.forRoot({ secret: SECRET, isGlobal: 1 as never })).toThrow(
      /isGlobal: true or/,
    );
    const late = SessionModule.forRootAsync({
      useFactory: () => ({ secret: SECRET, guard: 'login' }) as never,
    });
    await expect(Test.createTestingModule({ imports: [late] }).compile()).rejects.toThrow(
      /guard: give it to forRootAsync\(\) itself/,
    );
  });

  it('that is imported twice fails at boot, by its name', async () => {
    const twice = Test.createTestingModule({
      imports: [
        SessionModule.forRoot({ secret: SECRET }),
        SessionModule.forRoot({ secret: SECRET, idle: '5m' }),
      ],
    }).compile();
    await expect(twice).rejects.toMatchObject({
      code: 'ERR_OPTIONS',
      message: expect.stringMatching(/^SessionModule: forRoot\(\) .* imported 2 times/) as string,
    });
  });
});

@Injectable()
class Config {
  readonly secret = SECRET;
  readonly cookie = 'configured';
}

@Module({ providers: [Config], exports: [Config] })
class ConfigModule {}

@Injectable()
class OptionsFactory implements SessionOptionsFactory {
  createSessionOptions(): Promise<SessionModuleOptions> {
    return Promise.resolve({ secret: SECRET, cookie: { name: 'configured' } });
  }
}

@Module({ providers: [OptionsFactory], exports: [OptionsFactory] })
class FactoryModule {}

@Controller()
class PlainController {
  @Get()
  get() {
    return {};
  }
}

describe('forRootAsync', () => {
  const optionsOf = ({ secret, cookie }: Config): SessionModuleOptions => ({
    secret,
    cookie: { name: cookie },
  });

  it.each([
    [
      'a factory with injected configuration',
      SessionModule.forRootAsync({ imports: [ConfigModule], inject: [Config], useFactory: optionsOf }),
    ],
    [
      'a factory that takes its time',
      SessionModule.forRootAsync({
        imports: [ConfigModule],
        inject: [Config],
        useFactory: async (config: Config) => Promise.resolve(optionsOf(config)),
      }),
    ],
    ['a class', SessionModule.forRootAsync({ useClass: OptionsFactory })],
    ['a provider', SessionModule.forRootAsync({ imports: [FactoryModule], useExisting: OptionsFactory })],
  ])('takes options from %s', async (_, imported) => {
    const module = await Test.createTestingModule({
      imports: [imported],
      controllers: [AppController, PlainController],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    const browser = new Browser(await app.getUrl());
    const [cookie] = (await browser.post('/login', { user: 'alice' })).setCookies;
    await app.close();
    expect(cookie).toMatch(/^configured=/);
  });

  it('checks them as well', async () => {
    const imported = SessionModule.forRootAsync({ useFactory: () => ({ secret: 'short' }) });
    await expect(Test.createTestingModule({ imports: [imported] }).compile()).rejects.toMatchObject({
      code: 'ERR_OPTIONS',
      message: expect.stringContaining('secret: it has 5 bytes') as string,
    });
  });
});

describe('cookie options that pass at boot', () => {
  const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i));

  it.each([
    ['path', (one: string) => ({ path: `/a${one}b` })],
    ['domain', (one: string) => ({ domain: `a${one}b.example` })],
    ['name', (one: string) => ({ name: `a${one}b` })],
  ])('can be sent: every character of %s', (_name, options) => {
    const refused = [];
    for (const one of [...ascii, '\t', '\0', '\x7f', '\x80', '\u00e9', '\u2013', '\ud83d\ude00']) {
      const cookie = accepted(options(one));
      if (!cookie) refused.push(one);
      else {
        validateHeaderValue('set-cookie', setCookie(cookie, 'token'));
        validateHeaderValue('set-cookie', expireCookie(cookie));
      }
    }
    expect(refused).toEqual(expect.arrayContaining([' ', ';', '\0', '\u00e9', '\u2013']));
    expect(refused).not.toContain('-');
  });

  function accepted(cookie: SessionModuleOptions['cookie']) {
    try {
      return resolveSettings({ secret: new Concealed(SECRET), cookie }).engine.cookie;
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_OPTIONS' });
      return undefined;
    }
  }
});
