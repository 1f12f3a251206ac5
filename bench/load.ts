import { connect, type Socket } from 'node:net';

/** What is asked, and what the answer has to be. */
export interface Ask {
  method: 'GET' | 'POST';
  path: string;
  cookies: Map<string, string>;
  /** The body that the next answer has to have. */
  expect(): string;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/** One request that is sent again and again, with whatever cookies its answers set. */
class Exchange {
  readonly #ask: Ask;
  readonly #host: string;
  #expected: string;
  /** The last answer that was found right, byte for byte: the same bytes need no second look. */
  #right: Buffer | undefined;
  request: Buffer;

  constructor(host: string, ask: Ask) {
    this.#host = host;
    this.#ask = ask;
    this.#expected = ask.expect();
    this.request = this.#write();
  }

  /** `true` for the right answer, `false` for one that is not complete yet; anything else throws. */
  accept(answer: Buffer): boolean {
    if (this.#right?.equals(answer)) return true;
    const headEnd = answer.indexOf(HEAD_END);
    if (headEnd === -1) return false;
    const head = answer.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: (\d+)/i.exec(head);
    if (!length) throw new Error(`an answer without a length: ${head}`);
    const bodyStart = headEnd + HEAD_END.length;
    if (answer.length < bodyStart + Number(length[1])) return false;
    this.#check(head, answer.toString('utf8', bodyStart));
    const changed = this.#takeCookies(head);
    const before = this.#expected;
    this.#expected = this.#ask.expect();
    this.#right = changed || this.#expected !== before ? undefined : Buffer.from(answer);
    return true;
  }

  #check(head: string, body: string): void {
    if (head.startsWith('HTTP/1.1 200 ') && body === this.#expected) return;
    const { method, path } = this.#ask;
    throw new Error(
      `${method} ${path}: expected 200 ${this.#expected}, got ${head.slice(9, 12)} ${body.slice(0, 300)}`,
    );
  }

  #takeCookies(head: string): boolean {
    const set = head.match(/^set-cookie: .*$/gim) ?? [];
    for (const line of set) {
      const [, name, value] = /^set-cookie: ([^=]+)=([^;]*)/i.exec(line)!;
      this.#ask.cookies.set(name!, value!.trim());
    }
    if (set.length > 0) this.request = this.#write();
    return set.length > 0;
  }

  #write(): Buffer {
    const { method, path, cookies } = this.#ask;
    const lines = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${this.#host}`,
      'Accept: application/json',
      'User-Agent: bench',
      ...(cookies.size === 0 ? [] : [`Cookie: ${cookieHeader(cookies)}`]),
      ...(method === 'POST' ? ['Content-Length: 0'] : []),
    ];
    return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  }
}

/**
 * A keep-alive connection that sends one request at a time over a raw socket, and checks every answer:
 * its status, its length and its body. Cheaper than an HTTP client by far, so that the server stays the
 * bottleneck.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #exchanges: Exchange[];
  #turn = 0;
  #received: Buffer | undefined;
  #answered: ((error?: Error) => void) | undefined;

  private constructor(socket: Socket, exchanges: Exchange[]) {
    this.#socket = socket;
    this.#exchanges = exchanges;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#answer(error));
    socket.on('close', () => this.#answer(new Error('the server closed the connection')));
  }

  /** @param asks sent by turns */
  static open(port: number, asks: readonly Ask[]): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(
          new Connection(
            socket,
            asks.map((ask) => new Exchange(`127.0.0.1:${port}`, ask)),
          ),
        );
      });
    });
  }

  /** Sends the next request; `answered` hears of the answer, or of what is wrong with it. */
  send(answered: (error?: Error) => void): void {
    if (this.#socket.destroyed) return answered(new Error('the connection is closed'));
    this.#answered = answered;
    this.#socket.write(this.#exchanges[this.#turn]!.request);
  }

  close(): void {
    this.#answered = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const all = this.#received ? Buffer.concat([this.#received, chunk]) : chunk;
    this.#received = undefined;
    try {
      if (!this.#exchanges[this.#turn]!.accept(all)) {
        this.#received = all;
        return;
      }
    } catch (error) {
      return this.#answer(error as Error);
    }
    this.#turn = (this.#turn + 1) % this.#exchanges.length;
    this.#answer();
  }

  #answer(error?: Error): void {
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(error);
  }
}

export interface Throughput {
  requests: number;
  milliseconds: number;
}

/**
 * As many requests as the server answers, on all connections at once. Rejects at the first wrong answer.
 *
 * @param awake never lets this process sleep. Otherwise the server pays for waking it with each answer, the
 * more the slower the server is; but a store on the same core gets only what is left.
 */
export function hammer(
  connections: readonly Connection[],
  milliseconds: number,
  awake = false,
): Promise<Throughput> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    let requests = 0;
    let busy = connections.length;
    let stopping = false;
    const timer = setTimeout(() => (stopping = true), milliseconds);
    const stayAwake = (): void => void (busy > 0 && setImmediate(stayAwake));
    if (awake) stayAwake();
    const finish = (error?: Error): void => {
      if (error) {
        busy = 0;
        clearTimeout(timer);
        reject(error);
      } else if (--busy === 0) {
        resolve({ requests, milliseconds: performance.now() - start });
      }
    };
    for (const connection of connections) {
      const next = (error?: Error): void => {
        if (error) return finish(error);
        requests++;
        if (stopping) finish();
        else connection.send(next);
      };
      connection.send(next);
    }
  });
}

/**
 * Requests that arrive at a fixed rate, whether or not the server keeps up. A latency counts from the
 * moment that the request was due, so that a server which stalls cannot hide it by delaying the load.
 *
 * @returns the latencies in milliseconds
 */
export function atRate(
  connections: readonly Connection[],
  rate: number,
  milliseconds: number,
): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const idle = [...connections];
    const latencies: number[] = [];
    const total = Math.floor((rate * milliseconds) / 1000);
    const start = performance.now();
    let sent = 0;
    const pump = (): void => {
      while (sent < total && idle.length > 0) {
        const due = start + (sent * 1000) / rate;
        if (due > performance.now()) break;
        sent++;
        const connection = idle.pop()!;
        connection.send((error) => {
          if (error) return reject(error);
          latencies.push(performance.now() - due);
          idle.push(connection);
          if (latencies.length === total) resolve(latencies);
          else pump();
        });
      }
    };
    const tick = (): void => {
      pump();
      if (sent < total) setImmediate(tick);
    };
    tick();
  });
}

export interface Answer {
  status: number;
  body: string;
  cookies: Map<string, string>;
}

/** One request outside of the measurement: a login, a look. */
export async function request(
  port: number,
  method: string,
  path: string,
  cookies: ReadonlyMap<string, string> = new Map(),
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      ...(cookies.size > 0 && { cookie: cookieHeader(cookies) }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const next = new Map(cookies);
  for (const line of response.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
    next.set(name!, value!);
  }
  return { status: response.status, body: await response.text(), cookies: next };
}

const cookieHeader = (cookies: ReadonlyMap<string, string>): string =>
  [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
