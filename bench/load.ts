import { connect, type Socket } from 'node:net';
import { cookieHeader, type Exchange } from './exchange.js';

/**
 * A keep-alive connection that sends one request at a time over a raw socket, and checks every answer:
 * its status, its length and its body. Cheaper than an HTTP client by far, so that the server stays the
 * bottleneck.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #exchange: Exchange;
  #received: Buffer | undefined;
  #answered: ((error?: Error) => void) | undefined;

  private constructor(socket: Socket, exchange: Exchange) {
    this.#socket = socket;
    this.#exchange = exchange;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#answer(error));
    socket.on('close', () => this.#answer(new Error('the server closed the connection')));
  }

  static open(port: number, exchange: Exchange): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket, exchange));
      });
    });
  }

  /** Sends the next request; `answered` hears of the answer, or of what is wrong with it. */
  send(answered: (error?: Error) => void): void {
    if (this.#socket.destroyed) return answered(new Error('the connection is closed'));
    this.#answered = answered;
    this.#socket.write(this.#exchange.request);
  }

  close(): void {
    this.#answered = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const all = this.#received ? Buffer.concat([this.#received, chunk]) : chunk;
    this.#received = undefined;
    try {
      if (!this.#exchange.accept(all)) {
        this.#received = all;
        return;
      }
    } catch (error) {
      return this.#answer(error as Error);
    }
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
  headers: Headers;
}

/** One request outside of the measurement: a login, a look. */
export async function request(
  port: number,
  method: string,
  path: string,
  cookies: ReadonlyMap<string, string> = new Map(),
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      ...headers,
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
  return { status: response.status, body: await response.text(), cookies: next, headers: response.headers };
}
