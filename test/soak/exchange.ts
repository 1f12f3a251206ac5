import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

/** How a client sends: at once, the body late, or going away before the response. */
export type Pace = 'plain' | 'slow' | 'cancelled';

export interface Ask {
  method: 'GET' | 'POST';
  path: string;
  cookie: string | undefined;
  body?: object;
  pace: Pace;
  /** Milliseconds until the rest of the body, or until the client goes away. */
  delay: number;
}

export interface Reply {
  /** 0 where there was none: the connection broke. */
  status: number;
  /** The Cookie header that the response sets, `''` if it expires it. */
  cookie: string | undefined;
  body: string;
  began: number;
  ended: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** More than a request may take that waits for a store several times. */
const TIMEOUT = 20_000;

/** One request. Never rejects. */
export async function exchange(url: string, ask: Ask): Promise<Reply> {
  const began = performance.now();
  const body = ask.method === 'POST' ? JSON.stringify(ask.body ?? {}) : '';
  return new Promise((resolve) => {
    const headers = {
      ...(body && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      ...(ask.cookie && { cookie: ask.cookie }),
    };
    const done = (reply: Partial<Reply>): void =>
      resolve({ status: 0, cookie: undefined, body: '', ...reply, began, ended: performance.now() });
    // A connection of its own, because it breaks.
    const through = ask.pace === 'cancelled' ? false : agent;
    const outgoing = request(url + ask.path, { method: ask.method, headers, agent: through }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => done({}));
      response.on('close', () => done({}));
      response.on('end', () =>
        done({
          status: response.statusCode!,
          cookie: cookieOf(response.headers['set-cookie']),
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    outgoing.on('error', () => done({}));
    outgoing.setTimeout(TIMEOUT, () => outgoing.destroy());
    void send(outgoing, body, ask);
  });
}

async function send(outgoing: ReturnType<typeof request>, body: string, ask: Ask): Promise<void> {
  if (ask.pace === 'slow' && body) {
    outgoing.write(body.slice(0, 1));
    await wait(ask.delay);
    outgoing.end(body.slice(1));
    return;
  }
  outgoing.end(body);
  if (ask.pace !== 'cancelled') return;
  await wait(ask.delay);
  outgoing.destroy();
}

function cookieOf(setCookies: string[] | undefined): string | undefined {
  const pair = setCookies?.at(-1)?.split(';', 1)[0];
  return pair?.endsWith('=') ? '' : pair;
}

export const closeConnections = (): void => agent.destroy();
