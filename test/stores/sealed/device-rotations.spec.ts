import { MemoryStore } from 'nest-sessions';
import { MemoryRevocations, SealedCookie, type Revocation } from 'nest-sessions/sealed';
import type { Answer } from '../../support/browser.js';
import { BindingBrowser, BOUND_COOKIE, registrationIn } from '../../support/device.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { describeHost, hosts, startHost, type RevocationHost } from '../../support/revocation-hosts.js';
import { startBound } from '../../nest/device/device.app.js';

afterEach(closeAll);

const ROUNDS = 25;

/** Of a request that had a Cookie header of its own. */
async function keep({ jar }: BindingBrowser, { setCookies }: Answer): Promise<void> {
  for (const one of setCookies) await jar.setCookie(one, 'https://127.0.0.1', { ignoreError: true });
}

/** Lets something happen at the moment at which a binding is to be recorded. */
class WatchedRevocations extends MemoryRevocations {
  before: (() => Promise<unknown>) | undefined;
  /** How often a binding was tried. */
  tried = 0;

  override async add(revocation: Revocation): Promise<boolean> {
    const { terms } = revocation;
    if (terms.kind === 'session' && terms.device !== undefined) {
      this.tried++;
      await this.before?.();
    }
    return super.add(revocation);
  }
}

describe.each(platforms)('a registration that meets an enforced rotation on %s', (platform) => {
  const run = async () => {
    const list = new WatchedRevocations();
    const store = new SealedCookie({
      revocations: list,
      index: new MemoryStore(),
      enforceRotation: true,
    });
    const running = await startBound(platform, { store, idle: '2h', rotateEvery: '1m' });
    const { browser, clock, url } = running;
    const login = await browser.login();
    const cookie = browser.cookie;
    clock.advance('2m');
    const { challenge } = registrationIn(login);
    const other = new BindingBrowser(url);
    return { ...running, list, cookie, challenge, other };
  };

  it('binds the session that the rotation leaves, and the cookie of the rotation with it', async () => {
    const { browser, clock, list, cookie, challenge, other, told, sessions } = await run();
    let rotated = '';
    list.before = async () => {
      list.before = undefined;
      const answer = await other.get('/me', { cookie });
      rotated = answer.setCookies[0]!.split(';')[0]!;
    };
    const answer = await browser.register(browser.device.registration(challenge));
    expect([answer.status, list.tried]).toEqual([200, 2]);
    expect(told('bound')).toHaveLength(1);
    expect(told('rotated')).toHaveLength(1);
    expect((await sessions.list('alice'))[0]!.boundAt).toEqual(new Date(clock.now()));
    clock.advance('11s');
    const bound = `${rotated}; ${BOUND_COOKIE}=${browser.boundCookie}`;
    // Whichever of the two responses came last: its cookie is bound.
    expect((await other.get('/me', { cookie: rotated })).status).toBe(401);
    expect((await other.get('/me', { cookie: bound })).status).toBe(200);
    expect((await browser.get('/me', { cookie: browser.unbound })).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(200);
    expect((await browser.refresh()).status).toBe(200);
    expect([told('reused'), told('ended')]).toEqual([[], []]);
  });

  it('beside another registration: exactly one key is bound', async () => {
    const { browser, clock, list, cookie, challenge, other, told } = await run();
    let second: Answer | undefined;
    list.before = async () => {
      list.before = undefined;
      await other.get('/me', { cookie });
      second = await other.register(other.device.registration(challenge), { cookie });
      await keep(other, second);
    };
    const first = await browser.register(browser.device.registration(challenge));
    expect([first.status, second!.status]).toEqual([403, 200]);
    expect(told('bound')).toHaveLength(1);
    clock.advance('11s');
    expect((await other.get('/me')).status).toBe(200);
    expect((await other.refresh()).status).toBe(200);
  });

  it('and a re-login: is refused, and the re-login offers another one', async () => {
    const { browser, list, cookie, challenge, other, told } = await run();
    let again: Answer | undefined;
    list.before = async () => {
      list.before = undefined;
      again = await other.post('/relogin', {}, { cookie });
      await keep(other, again);
    };
    const answer = await browser.register(browser.device.registration(challenge));
    expect([answer.status, told('bound')]).toEqual([403, []]);
    const next = await other.register(other.device.registration(registrationIn(again!).challenge));
    expect(next.status).toBe(200);
  });

  it('again and again: is refused in the end, and the session goes on unbound', async () => {
    const { browser, clock, list, cookie, challenge, other } = await run();
    let latest = cookie;
    list.before = async () => {
      clock.advance('61s');
      const answer = await other.get('/me', { cookie: latest });
      latest = answer.setCookies[0]!.split(';')[0]!;
    };
    const answer = await browser.register(browser.device.registration(challenge));
    expect(answer.status).toBe(403);
    list.before = undefined;
    expect((await other.get('/me', { cookie: latest })).status).toBe(200);
  });
});

const lists = hosts.flatMap(([host]) => platforms.map(([platform]) => [host, platform] as const));

for (const [name, platform] of lists)
  describeHost(name, `registrations beside enforced rotations, over a list in ${name} on ${platform}`, () => {
    let host: RevocationHost;
    beforeAll(async () => (host = await startHost(name)), 60_000);
    afterAll(() => host.stop(), 60_000);

    it('bind all of them, each to one key, on two nodes', async () => {
      const node = async () =>
        startBound(platform, {
          store: new SealedCookie({ revocations: await host.list(), enforceRotation: true }),
          idle: '2h',
          rotateEvery: '1m',
        });
      const nodes = [await node(), await node()] as const;
      const advance = (by: '2m' | '11s'): void => nodes.forEach(({ clock }) => clock.advance(by));
      for (let round = 0; round < ROUNDS; round++) {
        const browser = new BindingBrowser(nodes[0].url);
        const { challenge } = registrationIn(await browser.login({ user: `user${round}` }));
        const { cookie } = browser;
        advance('2m');
        const others = nodes.map(({ url }) => new BindingBrowser(url));
        const [first, second, ...visits] = await Promise.all([
          browser.register(browser.device.registration(challenge)),
          others[1]!.register(others[1]!.device.registration(challenge), { cookie }),
          ...others.map((other) => other.get('/me', { cookie })),
        ]);
        expect([first.status, second.status].sort()).toEqual([200, 403]);
        advance('11s');
        const [answer, who] = first.status === 200 ? [first, browser] : [second, others[1]!];
        await keep(who, answer);
        expect((await who.get('/me')).status).toBe(200);
        for (const { status, setCookies } of visits.filter((visit) => visit.setCookies.length > 0)) {
          expect(status).toBe(200);
          const rotated = setCookies[0]!.split(';')[0]!;
          expect((await others[0]!.get('/me', { cookie: rotated })).status).toBe(401);
        }
      }
    }, 60_000);
  });
