import { exchange, type Pace, type Reply } from './exchange.js';
import { Expected } from './expected.js';
import type { Kind } from './settings.js';
import type { Soak } from './soak.js';

/** `doubtful` where the client does not know what became of it: no response, or a 503. */
export type Outcome = { result: 'done'; body: string } | { result: 'doubtful' } | { result: 'logged out' };

/** A browser of a user: one session at a time, and all cookies that it had. */
export class Device {
  readonly expected = new Expected();
  readonly cookies: string[] = [];
  cookie: string | undefined;
  /** The node that answered last. */
  node = 0;

  constructor(
    private readonly soak: Soak,
    private readonly kind: Kind,
    readonly name: string,
  ) {}

  /** Sends a request to one of the nodes, and judges what every response has to be. */
  async ask(path: string, body?: object, pace: Pace = 'plain'): Promise<Outcome> {
    const { random, nodes } = this.soak;
    this.node = random.int(nodes.length);
    const reply = await exchange(nodes[this.node]!.url(this.kind), {
      method: body ? 'POST' : 'GET',
      path,
      ...(body && { body }),
      cookie: this.cookie,
      pace,
      delay: pace === 'cancelled' ? random.int(15) : 50 + random.int(200),
    });
    return this.#judge(path, pace, reply);
  }

  #judge(path: string, pace: Pace, reply: Reply): Outcome {
    const { findings, outages } = this.soak;
    const { status, began, ended } = reply;
    const about = `${this.kind} ${path} ${pace}: ${status} ${reply.body} after ${Math.round(ended - began)} ms`;
    if (status === 0) {
      findings.unknown++;
      if (pace !== 'cancelled' && !outages.ofNode(began, ended)) findings.fail('no response', about);
      return { result: 'doubtful' };
    }
    if (status === 503) {
      findings.refused++;
      if (!outages.ofStore(this.kind, began, ended)) findings.fail('a 503 without an outage', about);
      return { result: 'doubtful' };
    }
    if (status === 401) return { result: 'logged out' };
    if (status !== 200) {
      findings.fail('an unexpected status', about);
      return { result: 'doubtful' };
    }
    this.#keep(reply.cookie);
    findings.did(this.kind, pace === 'plain' ? path : `${path} ${pace}`);
    return { result: 'done', body: reply.body };
  }

  #keep(cookie: string | undefined): void {
    if (!cookie) return;
    this.cookie = cookie;
    if (!this.cookies.includes(cookie)) this.cookies.push(cookie);
  }
}
