import { createServer, request, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { hookResponse, type ResponseListener } from '../../lib/http/response/response-hook.js';

/** One call of an application on its response. */
export interface Call {
  method: string;
  args: readonly unknown[];
}

/** How the listener behaves. */
export interface Plan {
  /** The answer is held until before the call of this index; without it nothing is held. */
  held?: number;
  commit: 'stored' | 'fails';
  /** What happens as the head is written. */
  head: 'quiet' | 'adds' | 'throws';
  answer: 'told' | 'throws';
}

/** What the client was given, or that its connection broke. */
export type Outcome =
  { status: number; message: string; headers: IncomingHttpHeaders; body: string } | { broken: true };

export interface Run {
  outcome: Outcome;
  /** The code and class of what each call threw, and of what the response emitted. */
  thrown: string[];
  emitted: string[];
  lost: unknown[];
}

/** Puts something around the response, before or after the hook: compression, say. */
export type Front = (response: ServerResponse) => void;

export interface Setting {
  before?: Front;
  after?: Front;
  /** Without the hook. */
  plain?: boolean;
}

const nothing: Front = () => undefined;

/** A server of plain Node whose handler carries out what it is told to, with the hook or without it. */
export class SeamServer {
  readonly #server: Server = createServer();
  #port = 0;

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** The plan's pauses are those of a run without the hook, too. */
  async run(
    method: string,
    calls: readonly Call[],
    plan: Plan,
    { before = nothing, after = nothing, plain = false }: Setting = {},
  ): Promise<Run> {
    const run: Run = { outcome: { broken: true }, thrown: [], emitted: [], lost: [] };
    const handled = new Promise<void>((resolve, reject) => {
      this.#server.once('request', (_request, response: ServerResponse) => {
        // Without a listener Node ends the process over a write after the end.
        response.on('error', (error: NodeJS.ErrnoException) => run.emitted.push(String(error.code)));
        before(response);
        let release = (): void => undefined;
        if (!plain)
          hookResponse(
            response,
            listenerOf(plan, run, (go) => (release = go)),
          );
        after(response);
        act(response, calls, plan, run, () => release()).then(resolve, reject);
      });
    });
    const [outcome] = await Promise.all([this.#ask(method), handled]);
    return { ...run, outcome };
  }

  #ask(method: string): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ port: this.#port, host: '127.0.0.1', method, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => resolve({ broken: true }));
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            message: response.statusMessage!,
            headers: response.headers,
            body: Buffer.concat(chunks).toString('base64'),
          }),
        );
      });
      // Long after everything is done: nobody is to be left without an answer.
      outgoing.setTimeout(2_000, () => reject(new Error('The client was left hanging.')));
      outgoing.on('error', () => resolve({ broken: true }));
      outgoing.end();
    });
  }
}

function listenerOf(plan: Plan, run: Run, onHeld: (release: () => void) => void): ResponseListener {
  return {
    beforeHead: () => {
      const settle = (): void => {
        if (plan.commit === 'fails') throw new Error('The store failed.');
      };
      if (plan.held === undefined) return settle();
      return new Promise<void>((resolve) => onHeld(resolve)).then(settle);
    },
    onHead: (response) => {
      if (plan.head === 'throws') throw new Error('The head failed.');
      if (plan.head === 'adds') response.setHeader('X-Session', 'kept');
    },
    answerFailure: () => {
      if (plan.answer === 'throws') throw new Error('The failure failed.');
      return { status: 503, body: '{"failed":true}' };
    },
    onLost: (error) => run.lost.push(error),
  };
}

async function act(
  response: ServerResponse,
  calls: readonly Call[],
  plan: Plan,
  run: Run,
  release: () => void,
): Promise<void> {
  for (const [i, call] of [...calls, { method: 'end', args: [] }].entries()) {
    if (i === plan.held) release();
    if (i === plan.held || i === calls.length) await settled();
    run.thrown.push(carryOut(response, call));
  }
  release();
  await settled();
  // What an application does that has nothing left to say.
  if (!response.headersSent) response.destroy();
}

/** Makes one call. Returns what it threw. */
export function carryOut(response: ServerResponse, { method, args }: Call): string {
  try {
    if (method === 'status') response.statusCode = args[0] as number;
    else if (method === 'message') response.statusMessage = args[0] as string;
    else (response as unknown as Record<string, (...args: unknown[]) => unknown>)[method]!(...copyOf(args));
    return 'nothing';
  } catch (error) {
    const { name, code, constructor } = error as NodeJS.ErrnoException;
    return `${constructor.name} ${name} ${code}`;
  }
}

/** Node alters lists that it is given. */
const copyOf = (args: readonly unknown[]): unknown[] =>
  args.map((arg) => (Array.isArray(arg) ? [...(arg as unknown[])] : arg));

async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await turn();
}
