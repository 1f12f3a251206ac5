import { createServer, get, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { hookResponse, type ResponseListener } from '../../lib/http/response/response-hook.js';

/** Settles the listener's promise, where it holds the response. */
export interface Hold {
  resolve(): void;
  reject(error: Error): void;
}

/** What the application does with its response. */
export type Act = (response: ServerResponse, hold: Hold) => unknown;

export interface Exchange {
  /** What the client received, or that its connection broke. */
  received: { status: number; headers: IncomingHttpHeaders; body: string } | 'broken';
  /** The calls of the listener, in order. */
  events: string[];
}

export interface Around extends Partial<ResponseListener> {
  /** Patches the response before the hook. */
  earlier?: (response: ServerResponse) => void;
  /** Patches the response after the hook. */
  later?: (response: ServerResponse) => void;
  /** The listener returns a promise, which the application settles. */
  holds?: boolean;
}

/** What a client receives in place of a response that the listener fails. */
export const FAILURE = { status: 503, body: '{"failed":true}' };

/** A server of plain Node with hooked responses. */
export class HookedServer {
  readonly #server: Server = createServer();

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Puts one request to an application that does this. Rejects if the application does. */
  async exchange(act: Act, around: Around = {}): Promise<Exchange> {
    const events: string[] = [];
    const acted = new Promise<void>((resolve, reject) => {
      this.#server.once('request', (_request, response: ServerResponse) => {
        around.earlier?.(response);
        let hold: Hold = { resolve: () => undefined, reject: () => undefined };
        const promise = new Promise<void>((go, fail) => (hold = { resolve: go, reject: fail }));
        hookResponse(response, listenerOf(events, around, promise));
        around.later?.(response);
        (async () => act(response, hold))().then(
          () => resolve(),
          (error: Error) => (response.destroy(), reject(error)),
        );
      });
    });
    const [received] = await Promise.all([this.#ask(), acted]);
    return { received, events };
  }

  #ask(): Promise<Exchange['received']> {
    const { port } = this.#server.address() as AddressInfo;
    return new Promise((resolve) => {
      get({ port, host: '127.0.0.1', agent: false }, (message) => {
        let body = '';
        message.on('data', (chunk) => (body += String(chunk)));
        message.on('error', () => resolve('broken'));
        message.on('end', () => resolve({ status: message.statusCode!, headers: message.headers, body }));
      }).on('error', () => resolve('broken'));
    });
  }
}

function listenerOf(events: string[], around: Around, held: Promise<void>): ResponseListener {
  return {
    beforeHead: (status) => {
      events.push(`before ${status}`);
      return around.holds ? held : around.beforeHead?.(status);
    },
    onHead: (head) => {
      events.push('head');
      around.onHead?.(head);
    },
    answerFailure: (error) => {
      events.push(`failure: ${String(error)}`);
      return around.answerFailure?.(error) ?? FAILURE;
    },
    onLost: (error) => {
      events.push(`lost: ${String(error)}`);
      around.onLost?.(error);
    },
  };
}

/** The code of the error that a call throws; undefined if it throws none. */
export function codeThrownBy(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? error;
  }
}

/** Records the errors that a response emits, of which each without a listener would end a process. */
export function emittedErrors(response: ServerResponse): unknown[] {
  const errors: unknown[] = [];
  const emit = response.emit.bind(response) as (...args: unknown[]) => boolean;
  response.emit = (type: string, ...args: unknown[]) =>
    type === 'error' ? errors.push((args[0] as NodeJS.ErrnoException).code) > 0 : emit(type, ...args);
  return errors;
}
