import { Prng } from '../model/scenario.js';
import { COOKIE, Nodes, oldKinds, type Told } from './nodes.js';

const RUNS = 120;

/** The cookies of a browser. */
class Jar {
  readonly #cookies = new Map<string, string>();

  constructor(readonly credential: string) {
    this.take([credential]);
  }

  get header(): string {
    return [...this.#cookies].map((one) => one.join('=')).join('; ');
  }

  get isNew(): boolean {
    return this.#cookies.has(COOKIE);
  }

  take(cookies: readonly string[]): void {
    for (const [name, value] of cookies.map(pairOf))
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
  }
}

function pairOf(cookie: string): [string, string] {
  const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
  return [name!, value!];
}

interface Conditions {
  /** Whether some of the requests log out. */
  logout: boolean;
  /** How often a call of a store fails. */
  faults: number;
}

/**
 * Requests of one browser at the same time, at two nodes, some of which lose their response; then more of them.
 *
 * @returns what must not be
 */
async function play(nodes: Nodes, seed: number, { logout, faults }: Conditions): Promise<string[]> {
  const random = new Prng(seed);
  const jar = new Jar(nodes.begin(random));
  const issued = new Set([jar.credential]);
  const wrong = new Set<string>();
  let attempted = false;
  let loggedOut = false;
  for (let waves = 1 + random.int(3); waves > 0 && !loggedOut; waves--) {
    nodes.faults = random.chance(0.5) ? faults : 0;
    const asks = Array.from({ length: 1 + random.int(4) }, () => ({
      what: logout && random.chance(0.3) ? ('logout' as const) : ('look' as const),
      cookie: random.chance(0.3) ? jar.credential : jar.header,
    }));
    attempted ||= asks.some(({ what }) => what === 'logout');
    const answers = await nodes.run(
      ...asks.map(({ what, cookie }) => nodes.request(random.int(2), what, cookie)),
    );
    answers.forEach(({ who, cookies }, n) => {
      for (const cookie of cookies) if (pairOf(cookie)[1] !== '') issued.add(pairOf(cookie).join('='));
      // The other clients have gone, or their responses were lost.
      if (random.chance(0.6)) jar.take(cookies);
      const { what, cookie } = asks[n]!;
      const isCopy = cookie === jar.credential && jar.isNew;
      if (who === null && !attempted && !isCopy) wrong.add('a user is logged out by the switch');
      loggedOut ||= what === 'logout' && who === 'alice';
    });
    for (const { factors } of nodes.records)
      if (Object.values(factors).some((at) => at > nodes.loggedInAt)) wrong.add('the login is a fresh one');
    if (nodes.records.length > 1) wrong.add('one old session leads to two');
    nodes.clock.advance(random.pick([1, 5_000, 60_000, 20 * 60_000]));
  }
  nodes.faults = 0;
  const look = async (cookie: string): Promise<Told['who']> =>
    (await nodes.run(nodes.request(random.int(2), 'look', cookie)))[0]!.who;
  if (loggedOut) {
    for (const cookie of issued)
      if ((await look(cookie)) !== null) wrong.add(`after the logout opens ${pairOf(cookie)[0]}`);
    if (nodes.records.length > 0) wrong.add('a session lives on after the logout');
  }
  if (!attempted && (await look(jar.header)) !== 'alice') wrong.add('the browser is not logged in');
  return [...wrong];
}

describe.each(oldKinds)('a session of %s that comes over, whatever the order of all calls', (kind) => {
  const nodes = new Nodes(kind);

  it.each<[string, Conditions]>([
    ['stays one, and logged in', { logout: false, faults: 0 }],
    ['stays one, and logged in, where stores fail', { logout: false, faults: 0.15 }],
    ['ends for good with a logout', { logout: true, faults: 0 }],
    ['ends for good with a logout, where stores fail', { logout: true, faults: 0.15 }],
  ])('%s', async (_, conditions) => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const wrong = await play(nodes, seed, conditions);
      if (wrong.length > 0) throw new Error(`seed ${seed}: ${wrong.join('; ')}\n${nodes.trace.join('\n')}`);
    }
  });

  it.each(['fails to end it', 'is about to end it'])(
    'is not opened by a request that was held up past the logout, and %s',
    async (how) => {
      const jar = new Jar(nodes.begin(new Prng(1)));
      nodes.held = /^B create/;
      const late = nodes.request(1, 'look', jar.header);
      const [first] = await nodes.run(nodes.request(0, 'look', jar.header));
      jar.take(first!.cookies);
      const [logout] = await nodes.run(nodes.request(0, 'logout', jar.header));
      expect([first!.who, logout!.who]).toEqual(['alice', 'alice']);
      if (how === 'fails to end it') {
        nodes.held = undefined;
        nodes.failing = /^B destroy/;
        expect(await nodes.run(late)).toMatchObject([{ who: 503 }]);
        nodes.failing = undefined;
      } else {
        nodes.held = /^B destroy/;
        await nodes.rest();
      }
      const [copy] = await nodes.run(nodes.request(0, 'look', jar.credential));
      expect(copy).toMatchObject({ who: null });
      expect(nodes.records).toEqual([]);
      nodes.held = undefined;
      await nodes.run(late);
    },
  );
});
