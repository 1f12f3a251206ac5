import type { INestApplication } from '@nestjs/common';
import type { PlatformName } from '../../support/platforms.js';
import type { CookieSettings, Settings, Target } from '../target.js';
import type { Watch } from './watched.js';

/** What a handler of Nest is given of a session of another library. */
export interface Peer {
  /** Before the application listens. */
  install(app: INestApplication): unknown;
  /** What is stored, without what the library keeps there itself. */
  entries(request: unknown): Record<string, unknown>;
  write(request: unknown, data: object): unknown;
  /** A new session for this user. */
  login(request: unknown, user: string): unknown;
  logout(request: unknown): unknown;
  regenerate?(request: unknown): unknown;
  /** Extends the sliding timeout, where the library leaves that to the application. */
  roll?(request: unknown): unknown;
}

/** Where the sessions of a peer are kept, for as many sites as share it. */
export interface PeerStorage {
  /** As the library takes it; `undefined` where it keeps nothing. */
  readonly store: unknown;
  dump(): Promise<string>;
  wipe(): Promise<void>;
}

/** A library, as its documentation says to set it up behind a proxy that terminates TLS. */
export interface PeerKind {
  readonly name: string;
  readonly platform: PlatformName;
  readonly cookieName: string;
  readonly lacks: Target['lacks'];
  readonly notes?: Target['notes'];
  storage(watch: Watch): Promise<PeerStorage>;
  make(options: PeerOptions): Peer | Promise<Peer>;
}

export interface PeerOptions {
  readonly secrets: readonly string[];
  readonly cookie: CookieSettings;
  /** Milliseconds; `undefined` for a cookie that ends with the browser. */
  readonly idle: number | undefined;
  readonly store: unknown;
}

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export function milliseconds(span: NonNullable<Settings['idle']>): number {
  const unit = (['s', 'm', 'h', 'd'] as const).find((one) => span.endsWith(one)) ?? 's';
  return Number(span.slice(0, -1)) * UNITS[unit];
}

const no = (reason: string) => ({ mark: 'no', reason }) as const;
const none = (reason: string) => ({ mark: 'n/a', reason }) as const;

/** What none of them has. Where an application could build it, it would be the application's. */
export const NO_FEATURES: Target['lacks'] = {
  're-login': no('It has no re-login window, no factors and no guards: an application writes its own.'),
  rotation: no('It does not renew its token from time to time.'),
  'pending rotation': no('It does not renew its token from time to time.'),
  events: no('It has no events.'),
  list: no('It does not know which sessions a user has.'),
  'max sessions': no('It does not know how many sessions a user has.'),
  remember: no('It has no option for a login that is kept: an application sets `maxAge` itself.'),
  passive: no('It does not tell activity from polling.'),
  protection: no('It does not notice that the client changed.'),
  'clear site data': no('It does not send Clear-Site-Data.'),
  unlisted: none('It has no list of revocations that could be left out.'),
};

/** What a library cannot be asked that keeps nothing on the server. */
export const KEEPS_NOTHING: Target['lacks'] = {
  dump: none('It keeps nothing on the server.'),
  wipe: none('It keeps nothing on the server.'),
  break: none('It keeps nothing on the server that could fail.'),
  'store reads': none('It keeps nothing on the server that could fail.'),
  overlap: none('The response that arrives last wins, as with every session in a cookie.'),
};

export const KEEPS_RECORDS: Target['lacks'] = {
  sealed: none('Its cookie holds an id, no content.'),
};

/** Of a cookie that another application set. */
export const DELETES_FOREIGN = 'It deletes a cookie that it did not set.';

export const ANSWERS_500 = 'It responds with 500: nobody is let in.';

/** What follows from keeping nothing on the server. */
export const COPIES_STAY_GOOD: NonNullable<Target['notes']> = Object.fromEntries(
  ['R27', 'R40', 'R41', 'R47', 'R53', 'R69', 'R79', 'R81', 'I1', 'I2', 'I7', 'I11'].map((id) => [
    id,
    'It keeps nothing on the server, so every copy of a cookie stays good until it expires.',
  ]),
);
