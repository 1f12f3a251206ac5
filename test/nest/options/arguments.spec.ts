import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  isSessionError,
  Logout,
  MemoryStore,
  Relogin,
  SessionService,
  type SessionModuleOptions,
} from 'nest-sessions';
import { SealedCookie } from 'nest-sessions/sealed';
import { loginAs } from 'nest-sessions/testing';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';

afterEach(closeAll);

type Act = (sessions: SessionService, id: string) => Promise<unknown>;

/** What the handler is to do. */
const task: { act?: Act } = {};

@Controller()
class ActController {
  constructor(private readonly sessions: SessionService) {}

  @Post('act')
  @HttpCode(200)
  async act(@Body() { id }: { id: string }) {
    try {
      await task.act!(this.sessions, id);
      return { code: null };
    } catch (error) {
      if (isSessionError(error)) return { code: error.code };
      throw error;
    }
  }
}

const kinds: [string, () => SessionModuleOptions['store']][] = [
  ['a store', () => new MemoryStore()],
  ['sealed cookies', () => new SealedCookie({ index: new MemoryStore() })],
];

async function open(platform: PlatformName, store: SessionModuleOptions['store']) {
  const { url, app } = await start(platform, {
    controllers: [AppController, ActController],
    options: { store },
  });
  const [alice, bob, visitor] = [new Browser(url), new Browser(url), new Browser(url)];
  await alice.post('/login', { user: 'alice' });
  await bob.post('/login', { user: 'bob' });
  const id = (await alice.get('/look')).json<{ id: string }>().id;
  const as = async (browser: Browser, act: Act) => {
    task.act = act;
    return (await browser.post('/act', { id })).json<{ code: string | null }>().code;
  };
  return { app, alice, bob, visitor, as };
}

const calls = {
  login: (sessions, options) => sessions.login('eve', options),
  relogin: (sessions, options) => sessions.relogin(options),
  regenerate: (sessions, options) => sessions.regenerate(options),
  clear: (sessions, options) => sessions.clear(options),
  logout: (sessions, options) => sessions.logout(options),
  revoke: (sessions, options, id) => sessions.revoke(id, options),
  revokeAll: (sessions, options) => sessions.revokeAll('alice', options),
  open: (sessions, options) => sessions.open({}, options),
} satisfies Record<string, (sessions: SessionService, options: never, id: string) => Promise<unknown>>;

const mistakes: [string, Act, string][] = [
  ...[undefined, null, '', 7, ['alice'], 'a\0b', 'a\ud800', '\udc00a', 'x'.repeat(256)].flatMap(
    (subject): [string, Act, string][] => [
      [
        `revoke(id, { subject: ${JSON.stringify(subject)} })`,
        (sessions, id) => sessions.revoke(id, { subject: subject as never }),
        'ERR_SUBJECT',
      ],
      [
        `revokeAll(${JSON.stringify(subject)})`,
        (sessions) => sessions.revokeAll(subject as never),
        'ERR_SUBJECT',
      ],
      [`list(${JSON.stringify(subject)})`, (sessions) => sessions.list(subject as never), 'ERR_SUBJECT'],
      [`login(${JSON.stringify(subject)})`, (sessions) => sessions.login(subject as never), 'ERR_SUBJECT'],
      [
        `relogin({ subject: ${JSON.stringify(subject)} })`,
        (sessions) => sessions.relogin({ subject: subject as never }),
        'ERR_SUBJECT',
      ],
    ],
  ),
  ...[undefined, null, '', 7, ['otp'], 'a\0b', '\ud800', '~suspect'].flatMap(
    (factor): [string, Act, string][] => [
      [
        `login('eve', { factor: ${JSON.stringify(factor)} })`,
        (sessions) => sessions.login('eve', { factor: factor as never }),
        'ERR_FACTOR',
      ],
      [
        `relogin({ factor: ${JSON.stringify(factor)} })`,
        (sessions) => sessions.relogin({ factor: factor as never }),
        'ERR_FACTOR',
      ],
    ],
  ),
  ...[undefined, null, '', 7, [undefined], ['']].map((except): [string, Act, string] => [
    `revokeAll('alice', { except: ${JSON.stringify(except)} })`,
    (sessions) => sessions.revokeAll('alice', { except: except as never }),
    'ERR_OPTIONS',
  ]),
  ...[
    ['login', { keep: 'cart' }],
    ['login', { keep: ['cart', 1] }],
    ['login', { keep: null }],
    ['login', { remember: 'yes' }],
    ['login', { rember: true }],
    ['login', { session: 'mine' }],
    ['relogin', { within: '5m' }],
    ['regenerate', { keep: 'cart' }],
    ['regenerate', { kep: [] }],
    ['clear', { everywhere: true }],
    ['logout', { everwhere: true }],
    ['logout', { everywhere: 'true' }],
    ['logout', 'everywhere'],
    ['revoke', { subjct: 'bob' }],
    ['revokeAll', { excpt: ['x'] }],
    ['revokeAll', ['x']],
    ['open', { Ip: '::1' }],
    ['open', { ip: 7 }],
  ].map(([method, options]): [string, Act, string] => [
    `${String(method)}(…, ${JSON.stringify(options)})`,
    (sessions, id) => calls[method as keyof typeof calls](sessions, options as never, id),
    'ERR_OPTIONS',
  ]),
  ...(['logout', 'clear', 'regenerate', 'relogin'] as const).map((method): [string, Act, string] => [
    `${method}({ session: undefined })`,
    (sessions) => sessions[method]({ session: undefined as never }),
    'ERR_NO_SESSION',
  ]),
  [
    "login('eve', { session: undefined })",
    (sessions) => sessions.login('eve', { session: undefined as never }),
    'ERR_NO_SESSION',
  ],
];

describe.each(platforms)('an argument that is missing by mistake, on %s', (platform) => {
  it.each(kinds)('is a typed error over %s, and ends or changes nothing', async (_, store) => {
    const { alice, bob, visitor, as } = await open(platform, store());
    for (const [name, act, code] of mistakes) {
      expect([name, await as(bob, act)]).toEqual([name, code]);
      expect([name, (await alice.get('/me')).status]).toEqual([name, 200]);
      expect((await bob.get('/me')).json()).toEqual({ subject: 'bob' });
      if (!name.includes('relogin')) expect([name, await as(visitor, act)]).toEqual([name, code]);
      expect([name, (await alice.get('/me')).status]).toEqual([name, 200]);
    }
  });

  it.each(kinds)('is no id that names anything, over %s', async (_, store) => {
    const { app, alice } = await open(platform, store());
    const sessions = app.get(SessionService);
    for (const id of [
      undefined,
      null,
      '',
      'x',
      '\0'.repeat(22),
      '\ud800',
      '__proto__',
      'a'.repeat(23),
      ['a'],
    ])
      expect(await sessions.revoke(id as never)).toBe(0);
    expect((await alice.get('/me')).status).toBe(200);
  });

  it('suggests the intended name', async () => {
    const { app } = await open(platform, new MemoryStore());
    await expect(app.get(SessionService).logout({ everwhere: true } as never)).rejects.toMatchObject({
      code: 'ERR_OPTIONS',
      message:
        'logout(): Unknown option "everwhere". Did you mean "everywhere"? Known options: everywhere, session.',
    });
    expect(() => Logout({ everwhere: true } as never)).toThrow(/^@Logout\(\): .*"everywhere"\?/);
    expect(() => Relogin({ witin: '5m' } as never)).toThrow(/^@Relogin\(\): .*"within"\?/);
  });

  it('is a text where true is meant, or no subject: the message says what to write', async () => {
    const { app, visitor, as } = await open(platform, new MemoryStore());
    const messages: string[] = [];
    const attempt = (act: Act) =>
      as(visitor, (sessions, id) =>
        act(sessions, id).catch((error: unknown) => {
          messages.push((error as Error).message);
        }),
      );
    await attempt((sessions) => sessions.login('eve', { remember: 'on' as never }));
    await attempt((sessions) => sessions.login(undefined as never));
    expect(messages).toEqual([
      "login(): remember: true or false. A checkbox sends 'on': remember: form.remember === 'on'.",
      expect.stringMatching(/What was given is undefined: was the user found\?$/),
    ]);
    await expect(loginAs(app, 7 as never)).rejects.toThrow(/convert it with String\(id\)\.$/);
  });

  it.each([undefined, null, '', 7, '\0'])('is no factor of @Relogin() or loginAs(): %j', async (factor) => {
    const { app } = await open(platform, new MemoryStore());
    const refused = expect.objectContaining({ code: 'ERR_FACTOR' }) as Error;
    expect(() => Relogin({ factor: factor as never })).toThrow(refused);
    await expect(loginAs(app, 'alice', { factor: factor as never })).rejects.toEqual(refused);
  });

  it.each(kinds)('is told from one that is left out, over %s', async (_, store) => {
    const { alice, bob, as } = await open(platform, store());
    expect(await as(bob, (sessions) => sessions.relogin({}))).toBeNull();
    expect(await as(bob, (sessions) => sessions.relogin({ subject: 'bob' }))).toBeNull();
    expect(await as(bob, (sessions, id) => sessions.revoke(id, { subject: 'bob' }))).toBeNull();
    expect((await alice.get('/me')).status).toBe(200);
    expect(await as(bob, (sessions, id) => sessions.revokeAll('alice', { except: id }))).toBeNull();
    expect(await as(bob, (sessions, id) => sessions.revokeAll('alice', { except: [id] }))).toBeNull();
    expect((await alice.get('/me')).status).toBe(200);
    expect(await as(bob, (sessions, id) => sessions.revoke(id))).toBeNull();
    expect((await alice.get('/me')).status).toBe(401);
    expect(await as(bob, (sessions) => sessions.logout({}))).toBeNull();
    expect((await bob.get('/me')).status).toBe(401);
  });
});
