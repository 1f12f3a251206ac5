import { randomBytes } from 'node:crypto';
import { validateHeaderValue } from 'node:http';
import { Controller, Get, Injectable, Module, type DynamicModule, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Type as Nested } from 'class-transformer';
import { IsOptional, IsString, Validate, ValidateNested, ValidatorConstraint } from 'class-validator';
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
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { createClient } from 'redis';
import { z } from 'zod';
import { expireCookie, setCookie } from '../../../lib/core/token/cookie.js';
import { Concealed } from '../../../lib/core/util/concealed.js';
import { resolveOwnSettings } from '../../../lib/nest/options/session.settings.js';
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

/** Options that express-session and its stores have, and what the message names in their place. */
const EXPRESS_SESSION = (
  [
    [{ resave: false }, /"resave": leave it out/],
    [{ saveUninitialized: false }, /"saveUninitialized": leave it out/],
    [{ rolling: true }, /"rolling": .*rollEvery/],
    [{ name: 'sid' }, /"name": .*cookie: \{ name: /],
    [{ key: 'sid' }, /"key": .*cookie: \{ name: /],
    [{ genid: () => 'x' }, /"genid": leave it out/],
    [{ unset: 'destroy' }, /"unset": .*clear\(\).*logout\(\)/],
    [{ proxy: true }, /"proxy": .*trust proxy.*trustProxy/],
    [{ maxAge: 1 }, /"maxAge": .*idle.*lifetime/],
    [{ cookie: { maxAge: 1 } }, /"cookie\.maxAge": .*idle.*lifetime.*remember: true/],
    [{ cookie: { expires: new Date() } }, /"cookie\.expires": .*idle.*lifetime/],
    [{ cookie: { signed: true } }, /"cookie\.signed": leave it out/],
    [{ secure: true }, /"secure": .*cookie: \{ secure: /],
    [{ password: 'x' }, /"password": write secret: \[now, before\]/],
    [{ keys: [] }, /"keys": write secret/],
  ] as const
).map(([options, successor]): [string, object, RegExp] => [
  `${Object.keys(options).join()} of express-session or others`,
  options,
  new RegExp(`Unknown option ${successor.source}`),
]);

/** An option, what is wrong with it, and what the message has to name for a remedy. */
const WRONG: [string, object, RegExp][] = [
  ['no secret', { secret: undefined }, /secret: it is missing.*npx nest-sessions secret/],
  ['an empty secret', { secret: '' }, /secret: it is missing.*npx nest-sessions secret/],
  ['no secret in the list', { secret: [] }, /secret: it is missing.*npx nest-sessions secret/],
  ['an empty secret in the list', { secret: [SECRET, ''] }, /secret: it is missing/],
  ['a secret that is no text', { secret: 12345 }, /secret: it is missing.*neither a text nor a Buffer/],
  [
    'an old secret that is not set',
    { secret: [SECRET, undefined] },
    /secret: it is missing at index 1 of the list\. Set the environment variable.*filter/,
  ],
  ['a new secret that is not set', { secret: [undefined, SECRET] }, /secret: it is missing at index 0 of/],
  [
    '31 bytes',
    { secret: randomBytes(31) },
    /secret: it has 31 bytes, and less than 32.*npx nest-sessions secret/,
  ],
  ['no bytes', { secret: Buffer.alloc(0) }, /secret: it is missing/],
  ['32 zeros', { secret: new Uint8Array(32) }, /secret: it looks like a default/],
  [
    'the bytes of a default',
    { secret: Buffer.from('keyboard cat'.repeat(4)) },
    /secret: it looks like a default/,
  ],
  [
    'short bytes in the list',
    { secret: [SECRET, randomBytes(8)] },
    /secret: it has 8 bytes at index 1 of the list/,
  ],
  [
    'a secret of 31 bytes',
    { secret: SECRET.slice(0, 31) },
    /secret: it has 31 bytes.*npx nest-sessions secret/,
  ],
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
    /secret: it looks like a default.*npx nest-sessions secret/,
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
  [
    '__Http- without Secure',
    { cookie: { name: '__Http-a', secure: false } },
    /cookie\.secure:.*__Http-.*session/,
  ],
  [
    '__host-http- without Secure',
    { cookie: { name: '__host-http-a', secure: false } },
    /cookie\.secure:.*session/,
  ],
  [
    '__Host-Http- with a path',
    { cookie: { name: '__Host-Http-a', path: '/app' } },
    /cookie\.path:.*__Secure-/,
  ],
  [
    'a path of 1,025 octets',
    { cookie: { path: `/${'a'.repeat(1024)}` } },
    /cookie\.path: it has 1025 octets.*1024/,
  ],
  [
    'a domain of over 253 letters',
    { cookie: { domain: `${'a.'.repeat(127)}example` } },
    /cookie\.domain: give a host name/,
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
  ['a storeTimeout longer than any timer', { storeTimeout: '25d' }, /storeTimeout: at most '24d', because/],
  ['a reloadEvery longer than any timer', { reloadEvery: '25d' }, /reloadEvery: at most '24d', because/],
  ['a reloadEvery in seconds', { reloadEvery: 5 }, /reloadEvery: 5 is 5 ms, as numbers are mill.*'5s' for/],
  [
    'a storeTimeout in seconds',
    { storeTimeout: 2 },
    /storeTimeout: 2 is 2 ms, as numbers are mill.*'2s' for/,
  ],
  ['an idle in minutes', { idle: 30 }, /idle: 30 is 30 ms, as numbers are milliseconds\..*'30m' for minutes/],
  ['a lifetime in days', { lifetime: 31 }, /lifetime: 31 is 31 ms, as numbers are milliseconds/],
  ['a remembered idle in days', { remember: { idle: 31 } }, /remember\.idle: 31 is 31 ms/],
  ['a window in minutes', { relogin: { within: 5 } }, /relogin\.within: 5 is 5 ms.*'5m' for minutes/],
  ['a window in minutes alone', { relogin: 5 }, /as in relogin: \{ within: '5m' \}/],
  ['a rotation in minutes', { rotateEvery: 15 }, /rotateEvery: 15 is 15 ms/],
  [
    'an idle in seconds',
    { idle: 1800 },
    /rollEvery: it, '1m' by default, is not shorter than idle.* idle: 1800 is 1\.8 s, as numbers are milliseconds/,
  ],
  [
    'a remembered idle in seconds',
    { remember: { idle: 1800 } },
    /rollEvery: it, .* is not shorter than remember\.idle.* remember\.idle: 1800 is 1\.8 s/,
  ],
  [
    'a lifetime in seconds',
    { lifetime: 86_400 },
    /idle: it, '30m' by default, is longer than lifetime.* lifetime: 86400 is 86\.4 s.*'12h'/,
  ],
  [
    'an interval in seconds',
    { rotateEvery: 3600 },
    /rotateGrace: it is not shorter.*rotateEvery: 3600 is 3\.6 s, as numbers are milliseconds/,
  ],
  ...['lifetime', 'idle', 'rollEvery', 'rotateEvery', 'rotateGrace', 'storeTimeout', 'reloadEvery'].flatMap(
    (name) =>
      ['300', 'soon', '', '5 parsecs', 0, -1, NaN, Infinity, null, {}, true, '-5m'].flatMap(
        (value): [string, object, RegExp][] =>
          value === null && name !== 'rotateEvery'
            ? []
            : [[`${name}: ${JSON.stringify(value)}`, { [name]: value }, new RegExp(`${name}: .*'5m'`)]],
      ),
  ),
  [
    'a grace as long as the interval',
    { rotateEvery: '1m', rotateGrace: 60_000 },
    /rotateGrace: it is not shorter than rotateEvery \(60000; rotateEvery: "1m"\)/,
  ],
  [
    'a grace longer than the interval by default',
    { rotateGrace: '1h' },
    /rotateGrace: .*"1h"; rotateEvery: '15m', the default.*Make rotateGrace shorter/,
  ],
  [
    'an interval shorter than the grace by default',
    { rotateEvery: '10s' },
    /rotateGrace: .*'10s', the default; rotateEvery: "10s"/,
  ],
  ['rotateEvery: true', { rotateEvery: true }, /rotateEvery: true is not a duration/],
  ['a nested duration', { remember: { lifetime: 'long' } }, /remember\.lifetime: "long" is not a duration/],
  ['a nested window', { relogin: { within: '300' } }, /relogin\.within: "300" is not a duration/],
  ['another site for the re-login', { relogin: { url: 'https://a.example' } }, /relogin\.url: a path/],
  ['a host for the re-login', { relogin: { url: '//evil.example' } }, /relogin\.url: a path/],
  ['a backslash for the re-login', { relogin: { url: '/\\evil.example' } }, /relogin\.url: a path/],
  ['relogin as a time', { relogin: '5m' }, /relogin: give an object, as in relogin: \{ within: '5m' \}\./],
  ['relogin as a number', { relogin: 300_000 }, /as in relogin: \{ within: 300000 \}/],
  ['relogin as a page', { relogin: '/login/again' }, /as in relogin: \{ url: "\/login\/again" \}/],
  ['relogin as something else', { relogin: true }, /as in relogin: \{ within: '5m' \}/],
  ['remember as a time', { remember: '90d' }, /as in remember: \{ lifetime: '90d' \}/],
  [
    'remember as a switch',
    { remember: true },
    /remember: give an object.*login\(subject, \{ remember: true \}\)/,
  ],
  ['a cookie as its name', { cookie: 'sid' }, /as in cookie: \{ name: "sid" \}/],
  [
    'crossOrigin as a list',
    { crossOrigin: ['https://a.example'] },
    /as in crossOrigin: \{ allow: \["https:\/\/a\.example"\] \}/,
  ],
  ['crossOrigin as an origin', { crossOrigin: 'https://a.example' }, /as in crossOrigin: \{ allow: /],
  ['crossOrigin as an empty list', { crossOrigin: [] }, /as in crossOrigin: \{ allow: /],
  ...EXPRESS_SESSION,
  [
    'a store with a ttl',
    { store: { ttl: 3600, get() {}, set() {}, destroy() {} } },
    /store:.*express-session does not fit\. There is no ttl.*idle and lifetime/,
  ],
  [
    'the class of a store',
    { store: RedisStore },
    /store: this is the class RedisStore:.*new RedisStore\(\{ client \}\)/,
  ],
  [
    'a client of Redis',
    { store: createClient() },
    /store: this is a Redis client: give new RedisStore\(\{ client \}\)\.$/,
  ],
  ['a client of ioredis', { store: new Redis({ lazyConnect: true }) }, /store: this is a Redis client/],
  ['a pool', { store: new Pool() }, /store: this is a pool .*new PostgresStore\(\{ pool \}\)/],
  [
    'a store that is still to come',
    { store: Promise.resolve(new MemoryStore()) },
    /store: this is a Promise: await it/,
  ],
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
  [
    'a wildcard for subdomains',
    { crossOrigin: { allow: ['https://a.example', 'https://*.example.com'] } },
    /crossOrigin\.allow: "https:\/\/\*\.example\.com" has a wildcard.*Write each origin out/,
  ],
  [
    'an origin in capitals',
    { crossOrigin: { allow: ['https://App.Example.com'] } },
    /crossOrigin\.allow:.*'https:\/\/app\.example\.com'/,
  ],
  [
    'an origin with the default port',
    { crossOrigin: { allow: ['https://a.example:443'] } },
    /Instead of "https:\/\/a\.example:443": 'https:\/\/a\.example'/,
  ],
  [
    'the origin of a socket',
    { crossOrigin: { allow: ['wss://a.example'] } },
    /Instead of "wss:\/\/a\.example": 'https:\/\/a\.example'/,
  ],
  ['the origin null', { crossOrigin: { allow: ['null'] } }, /crossOrigin\.allow: 'null'.*@AllowCrossOrigin/],
  ['files', { crossOrigin: { allow: ['file://'] } }, /crossOrigin\.allow: write each origin/],
  [
    'an application with a path',
    { crossOrigin: { allow: ['capacitor://localhost/'] } },
    /crossOrigin\.allow:.*without a slash/,
  ],
  ['an application in capitals', { crossOrigin: { allow: ['Ionic://localhost'] } }, /crossOrigin\.allow:/],
  ['no text', { crossOrigin: { allow: [7] } }, /crossOrigin\.allow: write each origin/],
  ['an origin without scheme', { crossOrigin: { allow: ['a.example'] } }, /crossOrigin\.allow:/],
  ['a wildcard origin', { crossOrigin: { allow: ['*'] } }, /crossOrigin\.allow:/],
  [
    'several origins, each by its mistake',
    {
      crossOrigin: { allow: ['https://*.a.example', 'https://a.example/', 'b.example', 'https://c.example'] },
    },
    /\*\.a\.example" has a wildcard.* write each origin.* Instead of "https:\/\/a\.example\/": 'https:\/\/a\.example'\. "b\.example" is none\.$/,
  ],
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
  [
    'an httpOnly, which always is',
    { cookie: { httpOnly: false } },
    /Unknown option "cookie\.httpOnly": leave it out/,
  ],
];

const RIGHT: [string, object][] = [
  ['bytes for a secret', { secret: randomBytes(32) }],
  ['texts and bytes', { secret: [new Uint8Array(randomBytes(64)), SECRET] }],
  ['a grace a little shorter than the interval', { rotateEvery: '10s', rotateGrace: 9_999 }],
  ['short times with a unit', { idle: '100ms', rollEvery: '1ms', relogin: { within: '1ms' } }],
  ['short numbers for a timeout and a roll', { storeTimeout: 50, rollEvery: 5 }],
  ['the longest storeTimeout', { storeTimeout: 2 ** 31 - 1 }],
  ['any grace without rotation', { rotateEvery: false, rotateGrace: '1h' }],
  ['a path of 1,024 octets', { cookie: { path: `/${'a'.repeat(1023)}` } }],
  ['a name that browsers keep from scripts', { cookie: { name: '__Host-Http-sid' } }],
  ['cookie options that are null', { cookie: { path: null, domain: null, secure: null, sameSite: null } }],
  [
    'origins of applications',
    {
      crossOrigin: {
        allow: [
          'capacitor://localhost',
          'ionic://localhost',
          'tauri://localhost',
          'app://localhost:8080',
          'chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb',
          'safari-web-extension://6A8E2C1B-0F7C-4F0B-9A5D-2F1C3B4A5D6E',
        ],
      },
    },
  ],
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

@ValidatorConstraint({ async: true })
class IsFree {
  validate() {
    return Promise.resolve(false);
  }
}

class Plain {
  theme?: string;
}

class WithAsync {
  @IsOptional() @Validate(IsFree) theme?: string;
}

class AsyncWithin {
  @ValidateNested({ each: true }) @Nested(() => WithAsync) items?: WithAsync[];
}

class Tree {
  @IsOptional() @ValidateNested() @Nested(() => Tree) left?: Tree;
}

describe('a class as the option "data"', () => {
  it.each<[string, Type, RegExp]>([
    ['without decorators', Plain, /data: Plain has no class-validator decorators/],
    ['with asynchronous constraints', WithAsync, /data: WithAsync\.theme is validated asynchronously/],
    [
      'with asynchronous constraints within',
      AsyncWithin,
      /data: WithAsync\.theme is validated asynchronously/,
    ],
  ])('is refused at boot: %s', async (_, data, remedy) => {
    expect(await complaint({ data })).toMatch(remedy);
  });

  it('may contain itself', async () => {
    expect(await complaint({ data: Tree })).toBe('');
  });
});

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
    expect(() => Relogin(5)).toThrow(
      /@Relogin\(\): 5 is 5 ms, as numbers are milliseconds.*'5m' for minutes/,
    );
    expect(() => Relogin({ within: 5 })).toThrow(/@Relogin\(\): 5 is 5 ms/);
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
    const nulls = { name: null, path: null, domain: null, secure: null, sameSite: null, priority: null };
    expect(await nameWith(nulls as never)).toBe('__Host-session');
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
  [
    'RedisStore',
    (options) => new RedisStore(options as never),
    {},
    /client: this is not a known Redis client/,
  ],
  [
    'RedisStore',
    (options) => new RedisStore(options as never),
    { client: Promise.resolve(client) },
    /client: this is a Promise.*await it/,
  ],
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
    /client: this is not a known Redis client/,
  ],
  [
    'RedisStore',
    (options) => new RedisStore({ client, ...options }),
    { ttl: 60 },
    /"ttl": .*idle and lifetime/,
  ],
  [
    'RedisStore',
    (options) => new RedisStore({ client, ...options }),
    { disableTouch: true },
    /"disableTouch": .*rollEvery/,
  ],
  [
    'PostgresStore',
    (options) => new PostgresStore({ pool, ...options }),
    { tableName: 'a', createTableIfMissing: true },
    /"tableName": write table\. .*"createTableIfMissing": .*migrate\(\)/,
  ],
  ['MemoryStore', (options) => new MemoryStore(options), { checkPeriod: 1 }, /"checkPeriod": leave it out/],
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
    /table: a name of letters, digits and _/,
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

  it('that is imported twice fails at boot, by the names of the modules that import it', async () => {
    @Module({ imports: [SessionModule.forRoot({ secret: SECRET, idle: '5m' })] })
    class UsersModule {}
    @Module({ imports: [Promise.resolve(SessionModule.forRoot({ secret: SECRET })), UsersModule] })
    class AppModule {}
    await expect(Test.createTestingModule({ imports: [AppModule] }).compile()).rejects.toMatchObject({
      code: 'ERR_OPTIONS',
      message: expect.stringMatching(/imported 2 times, by AppModule and UsersModule\./) as string,
    });
  });

  it('that several modules import as one and the same is one module', async () => {
    const sessions = SessionModule.forRoot({ secret: SECRET, isGlobal: false });
    @Module({ imports: [sessions] })
    class UsersModule {}
    const module = await Test.createTestingModule({ imports: [sessions, UsersModule] }).compile();
    await module.close();
  });

  it('that is imported without options fails at boot, by the name of the module that imports it', async () => {
    @Module({ imports: [SessionModule] })
    class UsersModule {}
    for (const imports of [[UsersModule], [SessionModule.forRoot({ secret: SECRET }), UsersModule]]) {
      await expect(Test.createTestingModule({ imports }).compile()).rejects.toMatchObject({
        code: 'ERR_OPTIONS',
        message: expect.stringMatching(
          /^SessionModule: (?:it is imported without options, by UsersModule\. .*forRoot\(|forRoot\(\).*2 times, by .*UsersModule)/,
        ) as string,
      });
    }
  });

  it('tells what a factory throws, and not that options are missing', async () => {
    const failing = SessionModule.forRootAsync({
      useFactory: () => {
        throw new Error('no such setting');
      },
    });
    await expect(Test.createTestingModule({ imports: [failing] }).compile()).rejects.toThrow(
      'no such setting',
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
      return resolveOwnSettings({ secret: new Concealed(SECRET), cookie }).engine.cookie;
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_OPTIONS' });
      return undefined;
    }
  }
});
