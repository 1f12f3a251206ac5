import type { SocketSession } from './socket-session.js';

/** Where the session of a socket stands. */
export class SocketEntry {
  /** Rejects if the handshake is refused. */
  readonly ready: Promise<SocketSession>;
  /** Unset until it is opened. */
  session: SocketSession | undefined;
  /** Whether a gateway has the socket, so that its origin was looked at when it was admitted. */
  ofGateway = false;

  constructor(ready: Promise<SocketSession>) {
    this.ready = ready;
    ready.then(
      (session) => (this.session = session),
      // Who waits for it has the error.
      () => undefined,
    );
  }
}

const ENTRY = Symbol.for('nest-sessions/socket');

type Carrier = { [ENTRY]?: SocketEntry };

/** @param target the client as gateways get it, or the request of its handshake */
export function attachEntry(target: object, entry: SocketEntry | undefined): void {
  Object.defineProperty(target, ENTRY, { value: entry, configurable: true });
}

export const entryOf = (target: object | null | undefined): SocketEntry | undefined =>
  typeof target === 'object' ? (target as Carrier | null)?.[ENTRY] : undefined;
