import { MemoryStore, type SessionModuleOptions, type SessionService } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import type { Answer } from '../../support/browser.js';
import { BindingBrowser, registrationIn } from '../../support/device.js';
import { describeEveryStore } from '../../support/every-store.js';
import { closeAll, platforms, type PlatformName } from '../../support/platforms.js';
import { startBound } from './device.app.js';

afterEach(closeAll);

type MakeStore = (shared: string) => Promise<SessionModuleOptions['store']>;

const ROUNDS = 8;

/** What races a refresh, sent to the other node with the cookies of the browser. */
const RIVALS: [
  string,
  'lives' | 'ends',
  (other: BindingBrowser, cookie: string, service: Pick<SessionService, 'revokeAll'>) => Promise<unknown>,
][] = [
  ['a logout', 'ends', (other, cookie) => other.post('/logout', {}, { cookie })],
  ['a logout everywhere', 'ends', (other, cookie) => other.post('/logout-everywhere', {}, { cookie })],
  ['a revocation', 'ends', (_, __, service) => service.revokeAll('alice')],
  ['a re-login', 'lives', (other, cookie) => other.post('/relogin', {}, { cookie })],
  ['a regenerate', 'lives', (other, cookie) => other.post('/regenerate', {}, { cookie })],
  ['a rotation', 'lives', (other, cookie) => other.get('/me', { cookie })],
  ['a write', 'lives', (other, cookie) => other.post('/data', { a: 1 }, { cookie })],
];

function raceSpecs(platform: PlatformName, make: MakeStore): void {
  const nodes = async () => {
    const shared = `n${Math.random().toString(36).slice(2, 10)}`;
    const options = { idle: '2h', rotateEvery: '1m' } as const;
    const [one, two] = [
      await startBound(platform, { ...options, store: await make(shared) }),
      await startBound(platform, { ...options, store: await make(shared) }),
    ];
    const advance = (by: '2m' | '11s'): void => [one, two].forEach(({ clock }) => clock.advance(by));
    return { one, two, advance, other: new BindingBrowser(two.url) };
  };

  it.each(RIVALS)(
    'a refresh that races %s: the session %s by what was asked, never by the refresh',
    async (_, fate, rival) => {
      const { one, two, advance, other } = await nodes();
      for (let round = 0; round < ROUNDS; round++) {
        const browser = new BindingBrowser(one.url);
        await browser.bind();
        const key = (await one.sessions.list('alice')).find(({ id }) => id === browser.sessionId)?.boundAt;
        advance('2m');
        const proof = browser.device.refresh(browser.challenge);
        const cookie = browser.cookie;
        const delay = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
        const refreshes = [delay(), delay()].map((later) => later.then(() => browser.ask(proof, { cookie })));
        const [answers] = await Promise.all([
          Promise.all(refreshes),
          delay().then(() => rival(other, cookie, two.sessions)),
        ]);
        for (const answer of answers) expectInOrder(answer);
        expect(answers.filter(({ body }) => body.includes('credentials')).length).toBeLessThanOrEqual(1);
        // Whatever the refresh got: it is worth no more than the session.
        const granted = answers.flatMap(({ setCookies }) => setCookies);
        for (const one of granted)
          await browser.jar.setCookie(one, 'https://127.0.0.1', { ignoreError: true });
        const listed = (await two.sessions.list('alice')).find(({ id }) => id === browser.sessionId);
        expect(listed?.boundAt).toEqual(fate === 'ends' ? undefined : key);
        if (fate === 'ends') {
          expect((await browser.get('/me')).status).toBe(401);
          expect((await browser.ask(browser.device.refresh(browser.challenge))).json()).toMatchObject({
            continue: false,
          });
        }
        await one.sessions.revokeAll('alice');
      }
    },
  );

  it('a registration that races a re-login or regenerate binds once or not at all, and never wrongly', async () => {
    const { one, two, advance, other } = await nodes();
    for (const path of ['/relogin', '/regenerate', '/logout']) {
      for (let round = 0; round < ROUNDS; round++) {
        const browser = new BindingBrowser(one.url);
        const login = await browser.login();
        const cookie = browser.cookie;
        const jwt = browser.device.registration(registrationIn(login).challenge);
        const [answer, rival] = await Promise.all([
          browser.register(jwt, { cookie }),
          other.post(path, {}, { cookie }),
        ]);
        expect([200, 403]).toContain(answer.status);
        expect(rival.status).toBeLessThan(500);
        const listed = (await two.sessions.list('alice')).find(({ id }) => id === login.json()['id']);
        if (answer.status === 403) expect(listed?.boundAt).toBeUndefined();
        if (answer.status === 200 && listed) expect(listed.boundAt).toBeDefined();
        advance('11s');
        // Without the bound cookie a session that was bound opens for nobody, whichever cookie came last.
        const latest = rival.setCookies.map((one) => one.split(';')[0]!).join('; ');
        if (listed?.boundAt && path !== '/logout')
          expect((await other.get('/me', { cookie: latest })).status).toBe(401);
        await one.sessions.revokeAll('alice');
      }
    }
  });

  it('registrations on two nodes at once: one key, and the other one is refused', async () => {
    const { one, two } = await nodes();
    for (let round = 0; round < ROUNDS; round++) {
      const browser = new BindingBrowser(one.url);
      const other = new BindingBrowser(two.url);
      const { challenge } = registrationIn(await browser.login());
      const cookie = browser.cookie;
      const answers = await Promise.all([
        browser.register(browser.device.registration(challenge), { cookie }),
        other.register(other.device.registration(challenge), { cookie }),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 403]);
    }
  });
}

/** A refresh is granted, challenged or ended. */
function expectInOrder(answer: Answer): void {
  const kind =
    answer.status === 403
      ? answer.headers['secure-session-challenge'] !== undefined
      : answer.status === 200 && /"credentials"|"continue":false/.test(answer.body);
  expect([answer.status, answer.body, kind]).toEqual([answer.status, answer.body, true]);
}

describeEveryStore('device-bound sessions on two nodes', raceSpecs);

describe.each(platforms)('device-bound sessions on two nodes on %s in sealed cookies', (platform) => {
  const shared = new Map<string, { revocations: MemoryRevocations; index: MemoryStore }>();
  raceSpecs(platform, (name) => {
    const parts = shared.get(name) ?? { revocations: new MemoryRevocations(), index: new MemoryStore() };
    shared.set(name, parts);
    return Promise.resolve(new SealedCookie(parts));
  });
});
