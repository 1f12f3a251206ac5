import { exchange } from './exchange.js';
import type { Soak } from './soak.js';
import type { Kind } from './settings.js';

/** The bound within which other nodes know that a sealed cookie was revoked: the staleness, and a second for the clocks. */
const LAG = 6_000;
const MOST = 2_000;

interface Grave {
  kind: Kind;
  name: string;
  cookies: readonly string[];
  /** The node that acknowledged the end. */
  node: number;
  at: number;
}

/** Sessions whose end was acknowledged, with every cookie that they ever had. None may open anything again. */
export class Graves {
  readonly #graves: Grave[] = [];

  constructor(private readonly soak: Soak) {}

  async bury(grave: Omit<Grave, 'at'>): Promise<void> {
    if (grave.cookies.length === 0) return;
    this.soak.findings.buried++;
    const buried = { ...grave, at: performance.now() };
    if (this.#graves.length < MOST) this.#graves.push(buried);
    else this.#graves[this.soak.random.int(MOST)] = buried;
    // At once, on the same node; over a store on the other one as well.
    await this.#replay(buried, grave.cookies.at(-1)!, grave.node);
    await this.#replay(buried, this.soak.random.pick(grave.cookies), 1 - grave.node);
  }

  /** One cookie of one of them, on either node. */
  async disturb(): Promise<void> {
    const { random } = this.soak;
    if (this.#graves.length === 0) return;
    const grave = random.pick(this.#graves);
    await this.#replay(grave, random.pick(grave.cookies), random.int(2));
  }

  async disturbAll(): Promise<void> {
    const left = [...this.#graves];
    const lane = async (): Promise<void> => {
      for (let grave = left.pop(); grave; grave = left.pop())
        for (const cookie of grave.cookies)
          for (const node of [0, 1]) await this.#replay(grave, cookie, node);
    };
    await Promise.all(Array.from({ length: 8 }, lane));
  }

  async #replay(grave: Grave, cookie: string, node: number): Promise<void> {
    const { findings, nodes } = this.soak;
    const age = performance.now() - grave.at;
    if (grave.kind === 'sealed' && node !== grave.node && age < LAG) return;
    const url = nodes[node]!.url(grave.kind);
    const { status, body } = await exchange(url, {
      method: 'GET',
      path: '/me',
      cookie,
      pace: 'plain',
      delay: 0,
    });
    findings.replayed++;
    if (status === 200)
      findings.fail(
        'a cookie that opens an ended session',
        `${grave.kind}: ${body}, ${Math.round(age)} ms after the end`,
      );
  }
}
