import { MemoryStore, type SessionModuleOptions } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';

afterEach(closeAll);

type Limits = Pick<SessionModuleOptions, 'idle' | 'lifetime'>;

/** What keeps the sessions of several applications, each with limits of its own. */
interface Keeper {
  readonly name: string;
  make(): () => SessionModuleOptions['store'];
}

const KEEPERS: readonly Keeper[] = [
  {
    name: 'a store',
    make() {
      const store = new MemoryStore();
      return () => store;
    },
  },
  {
    name: 'sealed cookies',
    make() {
      const revocations = new MemoryRevocations();
      return () => new SealedCookie({ revocations });
    },
  },
];

const sites = KEEPERS.flatMap((keeper) =>
  platforms.map(([platform]) => ({ platform, keeper, name: `${platform} over ${keeper.name}` })),
);

interface Site {
  platform: PlatformName;
  keeper: Keeper;
}

/** An application and, with other limits, the one that takes its place: by the same clock, over the same store. */
async function succession({ platform, keeper }: Site, before: Limits, after: Limits) {
  const [clock, store] = [new FakeClock(), keeper.make()];
  const open = async (limits: Limits): Promise<string> => {
    const options = { ...limits, clock, store: store(), rotateEvery: false as const };
    return (await start(platform, { controllers: [AppController], options })).url;
  };
  const [former, latter] = [await open(before), await open(after)];
  const login = async (): Promise<Browser> => {
    const browser = new Browser(former);
    await browser.post('/login', { user: 'alice' });
    return browser;
  };
  /** The status of a page of the latter for the cookie that this browser has. */
  const statusFor = async ({ cookie }: Browser): Promise<number> =>
    (await new Browser(latter).get('/me', { cookie })).status;
  return { clock, login, statusFor };
}

// What was stored or sealed with a session says when it ends by the limits of then; those of now count as well.
describe.each(sites)('a session that began under longer limits, on $name', (site) => {
  it('ends at the idle timeout of now', async () => {
    const { clock, login, statusFor } = await succession(site, { idle: '8h' }, { idle: '30m' });
    const [early, late] = [await login(), await login()];
    clock.advance('1799s');
    expect(await statusFor(early)).toBe(200);
    clock.advance('1s');
    expect(await statusFor(late)).toBe(401);
  });

  it('ends at the lifetime of now', async () => {
    const [before, after] = [
      { idle: '1h', lifetime: '8h' },
      { idle: '1h', lifetime: '2h' },
    ] as const;
    const { clock, login, statusFor } = await succession(site, before, after);
    const browser = await login();
    for (let time = 0; time < 2; time++) {
      clock.advance('59m');
      expect((await browser.get('/me')).status).toBe(200);
    }
    clock.advance('119s');
    expect(await statusFor(browser)).toBe(200);
    clock.advance('1s');
    expect(await statusFor(browser)).toBe(401);
  });
});
