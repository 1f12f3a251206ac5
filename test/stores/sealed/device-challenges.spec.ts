import { MemoryRevocations, SealedCookie, type RevocationList } from 'nest-sessions/sealed';
import { BindingBrowser } from '../../support/device.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { describeHost, hosts, startHost, type RevocationHost } from '../../support/revocation-hosts.js';
import { startBound } from '../../nest/device/device.app.js';

type Sized = RevocationList & { readonly size: number };

const lists = ['memory', ...hosts.flat()] as const;
const table = platforms.flatMap(([platform]) => lists.map((list) => [list, platform] as const));

for (const [name, platform] of table)
  describeHost(name, `the challenges of devices over a list in ${name}, on ${platform}`, () => {
    const refreshes = name === 'memory' ? 1_000 : 100;
    let host: RevocationHost | undefined;
    let memory: MemoryRevocations;

    beforeAll(async () => {
      if (name !== 'memory') host = await startHost(name);
    }, 60_000);
    beforeEach(() => (memory = new MemoryRevocations()));
    afterEach(closeAll);
    afterAll(() => host?.stop(), 60_000);

    const node = async () => {
      const list: Sized = (await host?.list()) ?? memory;
      const store = new SealedCookie({ revocations: list });
      const running = await startBound(platform, { store, idle: '2h', rotateEvery: false });
      return { ...running, list };
    };
    const entries = (): Promise<number> => host?.count() ?? Promise.resolve(memory.size);

    const bound = async (url: string): Promise<BindingBrowser> => {
      const browser = new BindingBrowser(url);
      expect((await browser.bind()).status).toBe(200);
      return browser;
    };

    const at = (url: string, browser: BindingBrowser): BindingBrowser => {
      const other = new BindingBrowser(url);
      other.sessionId = browser.sessionId;
      return other;
    };

    it(`take one entry for each session, however often it is refreshed: here ${refreshes} times`, async () => {
      const { url, list } = await node();
      await list.sync();
      const before = [await entries(), list.size];
      const [one, two] = [await bound(url), await bound(url)];
      for (let round = 0; round < refreshes; round++) {
        const browser = round % 4 === 0 ? two : one;
        const answer = await browser.ask(browser.device.refresh(browser.challenge));
        expect([answer.status, answer.setCookies.length]).toEqual([200, 1]);
      }
      await list.sync();
      // Of each session its binding, and the challenge that it answered last.
      expect([await entries(), list.size]).toEqual(before.map((count) => count + 4));
    }, 60_000);

    it('are answered once, whichever node is asked, and the one before only until a later one was', async () => {
      const [here, there] = [await node(), await node()];
      const browser = await bound(here.url);
      const other = at(there.url, browser);
      for (let round = 0; round < 5; round++) {
        const first = browser.challenge;
        here.clock.advance('1s');
        there.clock.advance('1s');
        await browser.ask();
        const second = browser.challenge;
        here.clock.advance('1s');
        there.clock.advance('1s');
        await browser.ask();
        const third = browser.challenge;
        const { cookie } = browser;
        const ask = async (from: BindingBrowser, challenge: string): Promise<number> =>
          (await from.ask(browser.device.refresh(challenge), { cookie })).status;
        expect(await ask(browser, first)).toBe(200);
        expect([await ask(other, first), await ask(browser, first)]).toEqual([403, 403]);
        expect(await ask(other, third)).toBe(200);
        const answers = [await ask(browser, first), await ask(browser, second), await ask(browser, third)];
        expect(answers).toEqual([403, 403, 403]);
        expect((await browser.refresh()).status).toBe(200);
      }
    });

    it('are made after the one that was answered last, by a node whose clock is behind', async () => {
      const [ahead, behind] = [await node(), await node()];
      ahead.clock.advance(900);
      const browser = await bound(ahead.url);
      const other = at(behind.url, browser);
      for (let round = 0; round < 5; round++) {
        await browser.ask(browser.device.refresh(browser.challenge));
        await behind.list.sync();
        const { cookie } = browser;
        expect((await other.ask(undefined, { cookie })).status).toBe(403);
        const answer = await other.ask(browser.device.refresh(other.challenge), { cookie });
        expect(answer.status).toBe(200);
        browser.challenge = other.challenge;
      }
    });

    it('stay answered until they are too old, and after the list was swept', async () => {
      const { url, clock, list } = await node();
      const browser = await bound(url);
      const { cookie, challenge } = browser;
      const proof = browser.device.refresh(challenge);
      expect((await browser.ask(proof)).status).toBe(200);
      for (const by of ['24m', '59s', '1s', '1s', '2m', '5m'] as const) {
        clock.advance(by);
        if (list instanceof MemoryRevocations) list.sweep();
        expect([by, (await browser.ask(proof, { cookie })).status]).toEqual([by, 403]);
      }
      expect((await browser.refresh()).status).toBe(200);
    });
  });
