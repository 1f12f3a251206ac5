import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { parseSetCookie, type SetCookie } from './set-cookie.js';

/** A request as it is sent: nothing is added to it but Host and the length. */
export interface Outgoing {
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
  /** On a connection of its own. */
  fresh?: boolean;
  /** Does not wait for the body. */
  headOnly?: boolean;
}

export interface Reply {
  status: number;
  /** Names in lower case; of several of one name, all of them. */
  headers: ReadonlyMap<string, readonly string[]>;
  setCookies: readonly SetCookie[];
  body: string;
}

/** No response of a session is this long; the rest is not kept. */
const MAX_BODY = 1024 * 1024;

/** Speaks HTTP with one target. Follows no redirect, and keeps no cookie. */
export class Client {
  readonly #agent: HttpAgent;
  readonly #secure: boolean;

  constructor(
    readonly target: URL,
    private readonly options: { timeout: number; insecure: boolean },
  ) {
    this.#secure = target.protocol === 'https:';
    this.#agent = this.#secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @throws an error of the network, or that of the timeout */
  send(outgoing: Outgoing): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const { method, path, headers, body, fresh, headOnly } = outgoing;
      const request = this.#secure ? httpsRequest : httpRequest;
      const sent = request({
        host: this.target.hostname.replace(/^\[|\]$/g, ''),
        port: this.target.port || (this.#secure ? 443 : 80),
        ...{ method, path },
        headers: { host: this.target.host, ...headers, 'content-length': Buffer.byteLength(body ?? '') },
        agent: fresh ? false : this.#agent,
        ...(this.#secure && { rejectUnauthorized: !this.options.insecure }),
      });
      const late = setTimeout(
        () => sent.destroy(new Error(`no response within ${this.options.timeout} ms`)),
        this.options.timeout,
      );
      let responds = false;
      sent.on('error', reject);
      sent.on('close', () => {
        clearTimeout(late);
        // Node closes the connection after an unrequested 101, without an error.
        if (!responds) reject(new Error('the connection ended without a response'));
      });
      sent.on('response', (message) => {
        responds = true;
        if (headOnly) resolve(replyOf(message, ''));
        bodyOf(message).then((text) => resolve(replyOf(message, text)), reject);
      });
      sent.end(body);
    });
  }
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    if (length < MAX_BODY) chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_BODY);
}

function replyOf(message: IncomingMessage, body: string): Reply {
  const headers = new Map<string, string[]>();
  for (let i = 0; i < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i]!.toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), message.rawHeaders[i + 1]!]);
  }
  const setCookies = (headers.get('set-cookie') ?? []).map(parseSetCookie);
  return { status: message.statusCode ?? 0, headers, setCookies, body };
}

/** Codes of Node for a certificate without a trusted signer, as on a development machine. */
const UNTRUSTED: ReadonlySet<unknown> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Whether a request failed because of a certificate that is not trusted. */
export const isUntrusted = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && UNTRUSTED.has(error.code);

export const headerOf = (reply: Reply, name: string): string => (reply.headers.get(name) ?? []).join(', ');
