import type { IncomingMessage } from 'node:http';
import { SESSION_RENEWED, type SessionEnd } from './session-end.js';

/** A client of socket.io, as far as it is used here. */
interface IoSocket {
  emit(event: string, ...args: unknown[]): unknown;
  disconnect(close?: boolean): unknown;
  once(event: 'disconnect', listener: () => void): unknown;
  request: IncomingMessage;
  conn: {
    readyState?: string;
    once(event: 'close', listener: () => void): unknown;
    close(): unknown;
  };
}

/** A WebSocket of the package ws, or one that is like it. */
interface PlainSocket {
  close(code?: number, reason?: string): unknown;
  send?(text: string): unknown;
  once?(event: 'close', listener: () => void): unknown;
  on?(event: 'exception', listener: (told: object) => void): unknown;
  readyState?: number;
}

/** A server of socket.io, or one of its namespaces. */
export interface IoServer {
  /** Of a namespace. */
  server?: IoServer;
  opts?: { connectionStateRecovery?: unknown };
  _nsps?: Map<string, Recovering>;
  on(event: 'new_namespace', listener: (namespace: Recovering) => void): unknown;
  use(middleware: (socket: IoSocket, next: (error?: Error) => void) => void): unknown;
}

/** A namespace, whose adapter keeps the rooms and the messages of clients that are away. */
interface Recovering {
  adapter: { restoreSession?(pid: string, offset: string): unknown };
}

/** A server of the package ws. */
export interface WsServer {
  options: { verifyClient?: VerifyClient | null };
}

/** Of a handshake: what ws tells of it. */
export interface HandshakeInfo {
  origin: string;
  secure: boolean;
  req: IncomingMessage;
}

export type Verified = (accepted: boolean, code?: number, message?: string, headers?: object) => void;
/** With one parameter it is synchronous. */
export type VerifyClient = (info: HandshakeInfo, done: Verified) => unknown;

type Shape = Record<string, unknown> | null | undefined;

export const isIoSocket = (client: unknown): client is IoSocket => {
  const shape = client as Shape;
  return (
    typeof shape?.['disconnect'] === 'function' &&
    typeof shape['emit'] === 'function' &&
    typeof shape['conn'] === 'object'
  );
};

const isPlainSocket = (client: unknown): client is PlainSocket =>
  typeof (client as Shape)?.['close'] === 'function';

export const isIoServer = (server: unknown): server is IoServer =>
  typeof (server as Shape)?.['use'] === 'function' && typeof (server as Shape)?.['emit'] === 'function';

export const isWsServer = (server: unknown): server is WsServer => {
  const shape = server as Shape;
  return typeof shape?.['handleUpgrade'] === 'function' && typeof shape['options'] === 'object';
};

/** The request of a client's handshake. With ws it comes beside the client. */
export function handshakeOf(client: unknown, request: unknown): IncomingMessage | undefined {
  const found = request ?? (client as Shape)?.['request'] ?? (client as Shape)?.['upgradeReq'];
  return typeof (found as Shape)?.['headers'] === 'object' ? (found as IncomingMessage) : undefined;
}

/** The event by which clients of socket.io, which has no close codes, learn why they are disconnected. */
export const ENDED_EVENT = 'session-ended';

/** Tells a client why it will be closed, if its close code does not. */
export function emitEnd(client: unknown, end: SessionEnd): void {
  if (isIoSocket(client)) client.emit(ENDED_EVENT, end);
}

/** Closes a socket because of its session, and with socket.io its connection, which may have clients in other namespaces. */
export function closeSocket(client: unknown, end: SessionEnd): void {
  if (isIoSocket(client)) {
    // The listeners of the application are called meanwhile, and may throw.
    try {
      // A client of socket.io connects again by itself after a lost connection, and not after it was disconnected.
      if (end.code !== SESSION_RENEWED) client.disconnect(true);
    } finally {
      client.conn.close();
    }
  } else closePlainly(client, end.code, end.reason);
}

/** {@link emitEnd} and {@link closeSocket}. */
export function endSocket(client: unknown, end: SessionEnd): void {
  try {
    emitEnd(client, end);
  } finally {
    closeSocket(client, end);
  }
}

export function closePlainly(client: unknown, code: number, reason: string): void {
  if (isIoSocket(client)) client.disconnect(true);
  else if (isPlainSocket(client)) client.close(code, reason);
}

/** Calls back when the client has gone. Of socket.io it may leave one namespace, and keep its connection. */
export function onGone(client: unknown, listener: () => void): void {
  if (isIoSocket(client)) client.once('disconnect', listener);
  else onClosed(client, listener);
}

/** Whether {@link onClosed} calls back. */
export const emitsClose = (client: unknown): boolean =>
  isIoSocket(client) || (isPlainSocket(client) && typeof client.once === 'function');

/** Calls back when the connection is closed; at once if it is already. */
export function onClosed(client: unknown, listener: () => void): void {
  if (isIoSocket(client)) {
    if (client.conn.readyState === 'closed') listener();
    else client.conn.once('close', listener);
  } else if (isPlainSocket(client)) {
    // CLOSED
    if (client.readyState === 3) listener();
    else client.once?.('close', listener);
  }
}

/**
 * Nest 11 emits exceptions at a client of ws as an event of this process, which nobody hears. Nest 12 sends them, and emits
 * nothing.
 */
export function deliverExceptions(client: unknown): void {
  if (!isIoSocket(client) && isPlainSocket(client))
    client.on?.('exception', (told) => sendException(client, told));
}

/**
 * A client that comes back begins anew: with its former state it would get what was sent to the rooms of a session that may have
 * ended while it was away.
 *
 * @returns whether the server would have restored it
 */
export function restoreNobody(namespaceOrServer: IoServer): boolean {
  const server = namespaceOrServer.server ?? namespaceOrServer;
  if (!server.opts?.connectionStateRecovery) return false;
  const prepare = ({ adapter }: Recovering): void => {
    adapter.restoreSession = () => Promise.resolve(null);
  };
  for (const namespace of server._nsps?.values() ?? []) prepare(namespace);
  server.on('new_namespace', prepare);
  return true;
}

/** Tells a client what went wrong, as Nest's filter of gateways does. */
export function sendException(client: unknown, told: object): void {
  if (isIoSocket(client)) client.emit('exception', told);
  // OPEN
  else if (isPlainSocket(client) && client.readyState === 1)
    client.send?.(JSON.stringify({ event: 'exception', data: told }));
}
