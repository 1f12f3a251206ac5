import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between a server and its store, and counts. */
export class CountingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Whether the last bytes went to the store: with those that come back, the round trip is complete. */
  #asking = false;
  counts = { roundTrips: 0, sent: 0, received: 0 };
  port = 0;

  private constructor(host: string, port: number) {
    this.#server = createServer((near) => this.#join(near, connect({ host, port, noDelay: true })));
  }

  static async to(host: string, port: number): Promise<CountingProxy> {
    const proxy = new CountingProxy(host, port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    proxy.port = (proxy.#server.address() as { port: number }).port;
    return proxy;
  }

  reset(): void {
    this.counts = { roundTrips: 0, sent: 0, received: 0 };
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(near: Socket, far: Socket): void {
    near.setNoDelay(true);
    near.on('data', (chunk) => {
      this.counts.sent += chunk.length;
      this.#asking = true;
      far.write(chunk);
    });
    far.on('data', (chunk) => {
      this.counts.received += chunk.length;
      if (this.#asking) this.counts.roundTrips++;
      this.#asking = false;
      near.write(chunk);
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  }
}
