import { setTimeout as wait } from 'node:timers/promises';
import { Device, type Outcome } from './device.js';
import type { Pace } from './exchange.js';
import type { Kind } from './settings.js';
import type { Soak } from './soak.js';

const DEVICES = 3;
const KEYS = ['a', 'b', 'c'];

/** What a user does once logged in, with how often. */
const ACTS = [
  ['read', 30],
  ['write', 20],
  ['update', 18],
  ['together', 8],
  ['relogin', 4],
  ['regenerate', 3],
  ['logout', 4],
  ['everywhere', 2],
  ['others', 2],
  ['revoke', 3],
] as const;
type Act = (typeof ACTS)[number][0];
const DECK = ACTS.flatMap(([act, times]) => Array.from({ length: times }, (): Act => act));

/** Somebody with a name of their own who uses an application on up to three devices, one after another. */
export class User {
  #devices: Device[] = [];
  #values = 0;
  /** When it last tried to end sessions and does not know whether, or when, that is carried out. */
  #endedPerhaps: number | undefined;

  constructor(
    private readonly soak: Soak,
    private readonly kind: Kind,
    private readonly name: string,
  ) {}

  async live(): Promise<void> {
    const { random } = this.soak;
    while (!this.soak.stopped) {
      if (this.#devices.length < DEVICES && (this.#devices.length === 0 || random.chance(0.2)))
        await this.#login();
      else await this.#act(random.pick(DECK), random.pick(this.#devices));
      await wait(random.int(60));
    }
  }

  /** The last look, once everything works again. */
  async lookAgain(): Promise<void> {
    for (const device of [...this.#devices]) await this.#read(device, 'plain');
  }

  async #login(): Promise<void> {
    const { random } = this.soak;
    const device = new Device(this.soak, this.kind, this.name);
    const value = this.#next();
    const cart = random.chance(0.3) && (await device.ask('/write', { key: 'a', value })).result === 'done';
    const cookies = device.cookies.splice(0);
    const { result } = await device.ask('/login', { name: this.name, keep: ['a'] });
    // One that is carried out in the meantime ends this login as well.
    const settled =
      this.#endedPerhaps === undefined || this.soak.outages.settled(this.kind, this.#endedPerhaps);
    if (result === 'logged out' && settled) this.#fail(device, 'a login that is refused', this.name);
    if (result !== 'done') return;
    if (cart) device.expected.written('a', value, () => true);
    this.#devices.push(device);
    // The session of before the login ended with it.
    await this.soak.graves.bury({ kind: this.kind, name: this.name, cookies, node: device.node });
  }

  #act(act: Act, device: Device): Promise<void> {
    const roll = this.soak.random.int(10);
    const pace: Pace = roll === 0 ? 'cancelled' : roll === 1 ? 'slow' : 'plain';
    switch (act) {
      case 'read':
        return this.#read(device, pace);
      case 'write':
        return this.#write(device, pace);
      case 'update':
        return this.#update(device, pace);
      case 'together':
        return this.#together(device);
      case 'relogin':
        return this.#renew(device, '/relogin');
      case 'regenerate':
        return this.#renew(device, '/regenerate');
      case 'logout':
        return this.#end(device, '/logout', {}, [device]);
      case 'everywhere':
        return this.#end(device, '/everywhere', {}, this.#devices);
      case 'others':
        return this.#end(device, '/others', {}, this.#othersThan(device));
      case 'revoke':
        return this.#revoke(device);
    }
  }

  async #read(device: Device, pace: Pace): Promise<void> {
    const outcome = await device.ask('/me', undefined, pace);
    if (!this.#isIn(device, outcome) || outcome.result !== 'done') return;
    const { name, data } = JSON.parse(outcome.body) as { name: string; data: Record<string, unknown> };
    if (name !== this.name)
      this.#fail(device, 'the page of somebody else', `${this.name} saw that of ${name}`);
    const wrong = device.expected.wrong(data);
    if (wrong) this.#fail(device, 'data that is not what was acknowledged', wrong);
  }

  async #write(device: Device, pace: Pace): Promise<void> {
    const { outages, random } = this.soak;
    const [key, value] = [random.pick(KEYS), this.#next()];
    const settledBefore = performance.now();
    const outcome = await device.ask('/write', { key, value }, pace);
    if (outcome.result === 'done')
      device.expected.written(
        key,
        value,
        (at) => at < settledBefore - 5_000 && outages.settled(this.kind, at),
      );
    else if (this.#isIn(device, outcome)) this.#perhaps(() => device.expected.perhapsWritten(key, value));
  }

  async #update(device: Device, pace: Pace): Promise<void> {
    const outcome = await device.ask('/update', {}, pace);
    if (!this.#isIn(device, outcome)) return;
    if (outcome.result !== 'done') return this.#perhaps(() => device.expected.perhapsCounted());
    device.expected.counted();
    const wrong = device.expected.wrongCount((JSON.parse(outcome.body) as { count: number }).count);
    if (wrong) this.#fail(device, 'a counter that is not exact', wrong);
  }

  /** Several tabs at a time. Of sealed cookies the response that arrives last wins, so there only one of them writes. */
  async #together(device: Device): Promise<void> {
    if (this.kind === 'sealed') {
      await Promise.all([this.#read(device, 'plain'), this.#read(device, 'plain')]);
      return;
    }
    const value = this.#next();
    // Those that are under way at the same time see each other's counts or do not.
    const outcomes = await Promise.all([
      device.ask('/update', {}),
      device.ask('/update', {}),
      device.ask('/write', { key: 'c', value }),
    ]);
    const [first, second, third] = outcomes;
    if (!outcomes.every((one) => this.#isIn(device, one))) return;
    for (const one of [first, second])
      if (one.result === 'done') device.expected.counted();
      else device.expected.perhapsCounted();
    if (third.result === 'done') device.expected.written('c', value, () => false);
    else device.expected.perhapsWritten('c', value);
    await this.#read(device, 'plain');
  }

  async #renew(device: Device, path: '/relogin' | '/regenerate'): Promise<void> {
    const before = device.cookies.at(-1);
    const outcome = await device.ask(path, {});
    if (!this.#isIn(device, outcome)) return;
    // Whether the cookie that it has is still the session's, it cannot know: it begins anew.
    if (outcome.result !== 'done') return this.#forget(device);
    if (path === '/regenerate') device.expected.cleared();
    if (device.cookies.at(-1) === before) this.#fail(device, 'a secret that was not renewed', path);
  }

  async #revoke(device: Device): Promise<void> {
    const [other] = this.#othersThan(device);
    if (!other) return;
    const outcome = await other.ask('/id');
    if (!this.#isIn(other, outcome) || outcome.result !== 'done') return;
    await this.#end(device, '/revoke', JSON.parse(outcome.body) as object, [other]);
  }

  /** Repeats it until it is acknowledged, as a user does who wants to be sure. Then all of these sessions are over. */
  async #end(device: Device, path: string, body: object, over: readonly Device[]): Promise<void> {
    const ended = [...over];
    for (let attempt = 0; ; attempt++) {
      const { result } = await device.ask(path, body);
      if (result === 'doubtful') this.#endedPerhaps = performance.now();
      // After an attempt without a response its own session may have ended: the last of those that the attempt ends.
      if (result === 'done' || (result === 'logged out' && attempt > 0 && path === '/everywhere')) break;
      if (result === 'logged out') return void this.#isIn(device, { result });
      if (attempt > 50) return this.#fail(device, 'an ending that is never acknowledged', path);
      await wait(200);
    }
    for (const one of ended) this.#forget(one);
    for (const { cookies } of ended)
      await this.soak.graves.bury({ kind: this.kind, name: this.name, cookies, node: device.node });
  }

  /** Nothing ends a session but its user, so nobody is logged out otherwise. */
  #isIn(device: Device, outcome: Outcome): boolean {
    if (outcome.result !== 'logged out') return true;
    this.#fail(device, 'a session that was lost', this.name);
    return false;
  }

  /** A sealed cookie that did not arrive is not the session's: what was written is in it alone. */
  #perhaps(note: () => void): void {
    if (this.kind !== 'sealed') note();
  }

  #fail(device: Device, what: string, detail: string): void {
    this.soak.findings.fail(what, `${this.kind}: ${detail}`);
    // One fault is told once.
    this.#forget(device);
  }

  #forget(device: Device): void {
    this.#devices = this.#devices.filter((one) => one !== device);
  }

  #othersThan(device: Device): Device[] {
    return this.#devices.filter((one) => one !== device);
  }

  #next(): number {
    return ++this.#values;
  }
}
