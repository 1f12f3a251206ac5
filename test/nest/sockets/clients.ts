import { once } from 'node:events';
import { io, type Socket as IoClient } from 'socket.io-client';
import { WebSocket } from 'ws';

/** What a client of a gateway sees, whichever the transport. */
export interface Client {
  /** The answer to a message, or what came as `exception`. */
  ask(event: string, data?: unknown): Promise<unknown>;
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<Closed>;
  /** What came without being asked for. */
  readonly heard: unknown[];
  /** Whether the connection is open. */
  readonly open: boolean;
  /** Closes the connection by itself. */
  close(): void;
}

export interface Closed {
  code: number | undefined;
  reason: string;
}

export interface Refused {
  refused: { status?: number; message?: string; code?: string | undefined };
}

export interface Headers {
  cookie?: string;
  origin?: string;
  'user-agent'?: string;
  'sec-fetch-site'?: string;
}

const clients: Client[] = [];

/** Of the spec that ends. */
export function closeClients(): void {
  for (const client of clients.splice(0)) client.close();
}

/** Of the package ws. */
export async function connectWs(url: string, headers: Headers = {}, path = ''): Promise<Client | Refused> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, { headers: { ...headers } });
  const closed = once(socket, 'close').then((args) => {
    const [code, reason] = args as [number, Buffer];
    return { code, reason: String(reason) };
  });
  const answers: ((answer: unknown) => void)[] = [];
  const heard: unknown[] = [];
  socket.on('message', (text) => {
    const { event, data } = JSON.parse(String(text)) as { event: string; data: unknown };
    const answered = event === 'answer' || event === 'exception' ? answers.shift() : undefined;
    if (answered) answered(data);
    else heard.push(data);
  });
  const refused = await new Promise<Refused | undefined>((resolve) => {
    socket.once('open', () => resolve(undefined));
    socket.once('unexpected-response', (_, response) => {
      let message = '';
      response.on('data', (part) => (message += String(part)));
      response.on('end', () => resolve({ refused: { status: response.statusCode ?? 0, message } }));
    });
    socket.once('error', () => resolve({ refused: {} }));
  });
  if (refused) return refused;
  const client: Client = {
    ask: (event, data) =>
      new Promise((resolve) => {
        answers.push(resolve);
        socket.send(JSON.stringify({ event, data }));
      }),
    closed,
    heard,
    get open() {
      return socket.readyState === WebSocket.OPEN;
    },
    close: () => socket.close(),
  };
  clients.push(client);
  return client;
}

/** Of socket.io. */
export async function connectIo(
  url: string,
  headers: Headers = {},
  transports = ['websocket'],
): Promise<Client | Refused> {
  const socket: IoClient = io(url, {
    extraHeaders: { ...headers },
    transports,
    reconnection: false,
    forceNew: true,
  });
  let end: { code: number; reason: string } | undefined;
  socket.on('session-ended', (told: { code: number; reason: string }) => (end = told));
  const closed = new Promise<Closed>((resolve) => {
    socket.on('disconnect', (reason) => resolve({ code: end?.code, reason: end?.reason ?? reason }));
  });
  const heard: unknown[] = [];
  socket.on('news', (news) => heard.push(news));
  const refused = await new Promise<Refused | undefined>((resolve) => {
    socket.once('connect', () => resolve(undefined));
    socket.once('connect_error', (error: Error & { data?: { code?: string } }) =>
      resolve({ refused: { message: error.message, code: error.data?.code } }),
    );
  });
  if (refused) {
    socket.close();
    return refused;
  }
  const client: Client = {
    ask: (event, data) =>
      new Promise((resolve) => {
        socket.once('exception', resolve);
        socket.emit(event, data, (answer: unknown) => {
          socket.off('exception', resolve);
          resolve(answer);
        });
      }),
    closed,
    heard,
    get open() {
      return socket.connected;
    },
    close: () => socket.close(),
  };
  clients.push(client);
  return client;
}
