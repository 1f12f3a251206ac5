import { randomBytes } from 'node:crypto';
import { MemoryStore, type SessionModuleOptions, type SessionStore } from 'nest-sessions';
import { SealedCookie } from 'nest-sessions/sealed';
import { platforms, type PlatformName, type Site } from './platforms.js';
import type { Question } from './spy-store.js';
import { COOKIE, forgedCookie } from './tokens.js';

/** What keeps the sessions, and what a spec may expect of it. */
export interface Backend {
  readonly name: string;
  /** Keeps sessions in this store, or what it keeps of them: who is logged in where. */
  readonly over: (store: SessionStore) => SessionModuleOptions['store'];
  /** A Cookie header in the form that this backend writes, signed by a key that is none of ours. */
  readonly forgedCookie: () => string;
  /** What the store is asked in order to open a session. A sealed cookie opens without it. */
  readonly readsToOpen: readonly Question[];
  /** Both of two requests that write at the same time are kept. In a cookie the response that arrives last wins. */
  readonly keepsOverlappingWrites: boolean;
  /** Can change a session without a response that would carry the cookie: at the handshake of a socket. */
  readonly writesWithoutResponse: boolean;
}

const random = (bytes: number): string => randomBytes(bytes).toString('base64url');

const backends: readonly Backend[] = [
  {
    name: 'a store',
    over: (store) => store,
    forgedCookie,
    readsToOpen: ['load'],
    keepsOverlappingWrites: true,
    writesWithoutResponse: true,
  },
  {
    name: 'sealed cookies with an index',
    over: (index) => new SealedCookie({ index, enforceRotation: true }),
    forgedCookie: () => `${COOKIE}=v1.${random(6)}.${random(300)}`,
    readsToOpen: [],
    keepsOverlappingWrites: false,
    writesWithoutResponse: false,
  },
];

/** A platform over a backend, for `describe.each`. */
export class BackendSite implements Site {
  constructor(
    readonly platform: PlatformName,
    readonly backend: Backend,
  ) {}

  readonly store = (): SessionModuleOptions['store'] => this.backend.over(new MemoryStore());

  toString(): string {
    return `${this.platform} over ${this.backend.name}`;
  }
}

/** For specs that hold whatever keeps the sessions, and name no store themselves. */
export const sites: [BackendSite][] = backends.flatMap((backend) =>
  platforms.map(([platform]): [BackendSite] => [new BackendSite(platform, backend)]),
);
