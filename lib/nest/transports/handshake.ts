import type { IncomingMessage } from 'node:http';
import type { HttpServer } from '@nestjs/common';
import type { Client } from '../../core/storage/backend.js';
import { isCrossOrigin } from '../../http/csrf.js';

/** Headers of a handshake, Node's or the fetch API's. */
export type HandshakeHeaders =
  | {
      cookie?: string | undefined;
      'user-agent'?: string | undefined;
      host?: string | undefined;
      origin?: string | undefined;
    }
  | { get(name: string): string | null };

/** The request of a handshake: Node's own, or what Express, Fastify or socket.io make of it. */
export interface HandshakeRequest {
  headers: HandshakeHeaders;
  /** The address of the client as a framework sees it. */
  ip?: string | undefined;
  /** The host that was asked for as a framework sees it. */
  host?: string | undefined;
  raw?: object;
  socket?: { remoteAddress?: string | undefined };
}

export type HandshakeSource = HandshakeHeaders | HandshakeRequest;

/** Express's setting `trust proxy`, compiled: whether the address at a distance of so many hops is a proxy's. */
type TrustProxy = (address: string, hops: number) => boolean;

/** Who opened a connection, and for which site: where no framework looked at its request, by the setting of Express. */
export class Handshake {
  readonly #request: HandshakeRequest | undefined;
  readonly #headers: HandshakeHeaders;
  readonly #ip: string | undefined;
  readonly #trust: TrustProxy | undefined;

  constructor(source: HandshakeSource, ip: string | undefined, adapter: HttpServer | undefined) {
    const request = 'headers' in source && typeof source.headers === 'object' ? source : undefined;
    this.#request = request;
    this.#headers = request?.headers ?? source;
    this.#ip = ip;
    this.#trust = trustOf(adapter);
  }

  get client(): Client {
    const raw = this.#request?.raw ?? this.#request;
    const ip = this.#ip ?? this.#address;
    return {
      userAgent: this.header('user-agent'),
      ...(ip !== undefined && { ip }),
      ...(raw && 'socket' in raw && { request: raw as IncomingMessage }),
    };
  }

  header(name: string): string | undefined {
    const headers = this.#headers;
    return 'get' in headers && typeof headers.get === 'function'
      ? (headers.get(name) ?? undefined)
      : (headers as Record<string, string | undefined>)[name];
  }

  isCrossOrigin(allowed: readonly string[]): boolean {
    const facts = { origin: this.header('origin'), 'sec-fetch-site': this.header('sec-fetch-site') };
    return isCrossOrigin(facts, this.#host, allowed);
  }

  get #host(): string | undefined {
    const remote = this.#request?.socket?.remoteAddress;
    const forwarded = this.header('x-forwarded-host')?.split(',', 1)[0]!.trim();
    const trusted = forwarded && remote !== undefined && this.#trust?.(remote, 0);
    return this.#request?.host ?? (trusted ? forwarded : this.header('host'));
  }

  /** `undefined` where somebody may stand in between and it is not known whether to believe what they say. */
  get #address(): string | undefined {
    const remote = this.#request?.socket?.remoteAddress;
    if (this.#request?.ip !== undefined) return this.#request.ip;
    const forwarded = this.header('x-forwarded-for');
    if (remote === undefined || forwarded === undefined) return remote;
    return this.#trust && furthest(remote, forwarded, this.#trust);
  }
}

/** The first address, from here to the client, that is no trusted proxy's. */
function furthest(remote: string, forwarded: string, trust: TrustProxy): string {
  const path = [
    remote,
    ...forwarded
      .split(',')
      .map((one) => one.trim())
      .reverse(),
  ];
  return path.find((address, hops) => !trust(address, hops)) ?? path.at(-1)!;
}

function trustOf(adapter: HttpServer | undefined): TrustProxy | undefined {
  if (adapter?.getType() !== 'express') return undefined;
  const app = adapter.getInstance() as { get(setting: string): unknown };
  const trust = app.get('trust proxy fn');
  return typeof trust === 'function' ? (trust as TrustProxy) : undefined;
}
