import type { IncomingMessage } from 'node:http';
import type { HttpServer } from '@nestjs/common';
import type { Client } from '../../core/storage/backend.js';
import { plainAddress } from '../../core/util/addresses.js';
import { isCrossOrigin } from '../../http/csrf.js';
import type { RefusedRequest } from '../request/cross-origin-report.js';

/** Headers of a handshake, as an object (Node) or as `Headers` (fetch API). */
export type HandshakeHeaders =
  | {
      cookie?: string | undefined;
      'user-agent'?: string | undefined;
      host?: string | undefined;
      origin?: string | undefined;
    }
  | { get(name: string): string | null };

/** The request of a handshake: that of Node, or the one that Express, Fastify or socket.io derive from it. */
export interface HandshakeRequest {
  /** Those of the upgrade request. */
  headers: HandshakeHeaders;
  /** The address of the client, as determined by the framework. */
  ip?: string | undefined;
  /** The requested host, as determined by the framework. */
  host?: string | undefined;
  /** With Fastify the request of Node behind its wrapper. */
  raw?: object;
  /** The connection, whose peer is the client or a proxy. */
  socket?: { remoteAddress?: string | undefined };
}

/** What `open()` takes: a request, or its headers where there is none. */
export type HandshakeSource = HandshakeHeaders | HandshakeRequest;

/** Express's compiled setting `trust proxy`: whether the address at this number of hops is a trusted proxy. */
type TrustProxy = (address: string, hops: number) => boolean;

/** Client and site of a new connection. Applies Express's `trust proxy` if no framework has processed its request. */
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
      ...(ip !== undefined && { ip: plainAddress(ip) }),
      ...(raw && 'socket' in raw && { request: raw as IncomingMessage }),
    };
  }

  header(name: string): string | undefined {
    if (!this.#arrived(name)) return undefined;
    const headers = this.#headers;
    return 'get' in headers && typeof headers.get === 'function'
      ? (headers.get(name) ?? undefined)
      : (headers as Record<string, string | undefined>)[name];
  }

  /**
   * False for what was added to the headers of Node's request later on: Mercurius adds what the client claims when it begins a
   * subscription, which any page can claim.
   */
  #arrived(name: string): boolean {
    const { rawHeaders } = (this.#request?.raw ?? this.#request ?? {}) as Partial<IncomingMessage>;
    if (!rawHeaders?.length) return true;
    return rawHeaders.some((one, at) => at % 2 === 0 && one.toLowerCase() === name);
  }

  /** What to tell of a handshake that {@link isCrossOrigin}. */
  get refusal(): RefusedRequest {
    return {
      origin: this.header('origin'),
      'sec-fetch-site': this.header('sec-fetch-site'),
      'x-forwarded-host': this.header('x-forwarded-host'),
      host: this.host,
    };
  }

  isCrossOrigin(allowed: readonly string[]): boolean {
    const facts = { origin: this.header('origin'), 'sec-fetch-site': this.header('sec-fetch-site') };
    return isCrossOrigin(facts, this.host, allowed, this.#encrypted);
  }

  get #encrypted(): boolean {
    const socket = this.#request?.socket;
    return socket !== undefined && 'encrypted' in socket && socket.encrypted === true;
  }

  /** The host that the client has asked, of a trusted proxy or by the header. */
  get host(): string | undefined {
    const remote = this.#request?.socket?.remoteAddress;
    const forwarded = this.header('x-forwarded-host')?.split(',', 1)[0]!.trim();
    const trusted = forwarded && remote !== undefined && this.#trust?.(remote, 0);
    return this.#request?.host ?? (trusted ? forwarded : this.header('host'));
  }

  /** `undefined` if there is an `X-Forwarded-For` header and no setting says whether to trust it. */
  get #address(): string | undefined {
    const remote = this.#request?.socket?.remoteAddress;
    if (this.#request?.ip !== undefined) return this.#request.ip;
    const forwarded = this.header('x-forwarded-for');
    if (remote === undefined || forwarded === undefined) return remote;
    return this.#trust && furthest(remote, forwarded, this.#trust);
  }
}

/** The first address on the way from this server to the client that is not a trusted proxy. */
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
