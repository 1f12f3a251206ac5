import type { Gate } from '../support/gate.js';

/** What a case may need beyond the routes. A target says of each that it lacks why. */
export type Capability =
  /** The suite moves the time by which sessions expire. */
  | 'clock'
  /** What is kept on the server can be read as text. */
  | 'dump'
  /** Everything that is kept on the server can be deleted behind the application's back. */
  | 'wipe'
  /** What keeps the sessions can fail. */
  | 'break'
  /** A session is read from the server, so that reading it can fail. */
  | 'store reads'
  /** Two requests that overlap can both be kept. */
  | 'overlap'
  /** The content of the session travels in the cookie, encrypted. */
  | 'sealed'
  /** Events of sessions. */
  | 'events'
  /** Lists a user's sessions; revokes one, all others, all. */
  | 'list'
  | 'max sessions'
  | 'remember'
  /** A new token from time to time. */
  | 'rotation'
  /** The predecessor of a rotation stays good until the successor is presented. */
  | 'pending rotation'
  | 'regenerate'
  /** Guards with a re-login window, and factors. */
  | 're-login'
  /** Requests that are no activity. */
  | 'passive'
  | 'protection'
  | 'clear site data'
  /** Sealed cookies without a list of revocations. */
  | 'unlisted';

/** Why a case does not run at a target, and how the table counts it. */
export interface Lack {
  /** `no`: it has no such feature. `n/a`: the requirement has no meaning there. `?`: not measured. */
  readonly mark: 'no' | 'n/a' | '?';
  readonly reason: string;
}

export interface CookieSettings {
  readonly name?: string;
  readonly domain?: string;
  readonly path?: string;
  readonly secure?: boolean;
  readonly sameSite?: 'lax' | 'strict' | 'none';
  readonly partitioned?: boolean;
}

/** How an application is to be set up. What a target has no option for, it leaves out. */
export interface Settings {
  readonly nodes?: 1 | 2;
  /** Sites with the same name share what keeps their sessions. */
  readonly share?: string;
  readonly secret?: string | readonly string[];
  readonly cookie?: CookieSettings;
  readonly idle?: Span;
  readonly lifetime?: Span;
  readonly rollEvery?: Span;
  readonly rotateEvery?: Span | false;
  readonly rotateGrace?: Span;
  readonly remember?: { readonly lifetime: Span; readonly idle: Span };
  readonly reloginUrl?: string;
  readonly maxSessions?: number;
  readonly protection?: 'basic' | 'strong';
  readonly clearSiteData?: readonly ('cookies' | 'storage')[];
  readonly trustProxy?: boolean;
  readonly unlisted?: boolean;
  /** A listener of events that throws at each. */
  readonly throwingListener?: boolean;
}

/** Such as `90s`, `15m`, `8h`, `30d`. */
export type Span = `${number}${'s' | 'm' | 'h' | 'd'}`;

export interface TargetEvent {
  readonly type: string;
  readonly reason?: string;
}

/** An application that runs, with one node or two. */
export interface Site {
  readonly urls: readonly string[];
  /** Where handlers of the routes `/slow…` wait. Each call makes another gate. */
  hold(): Gate;
  advance(span: Span): void;
  /** All that the nodes have logged, at every level. */
  logs(): string;
  events(): readonly TargetEvent[];
  /** How often what keeps the sessions was called since {@link Site.forget}: to read, or to write. */
  calls(): { readonly reads: number; readonly writes: number };
  forget(): void;
  dump(): Promise<string>;
  wipe(): Promise<void>;
  /** From now on what keeps the sessions rejects every call, or only those that write. */
  fail(which: 'all' | 'writes'): void;
  heal(): void;
}

/**
 * What the suite is pointed at: applications with the routes below, which accept and return JSON.
 *
 * `GET /untouched` · `GET /look` → `{ subject, data }` · `GET /me` 401 without a login · `GET /poll` the same, and no
 * activity · `GET /sensitive` a login of at most five minutes, `GET /otp` one by that factor · `GET /fail` 500 ·
 * `GET /read-and-fail` · `GET /cached` writes, and says that it is public · `GET /slow` reads at the gate
 *
 * `POST /data` stores the body · `/slow-data` the same at the gate · `/increment/:key` · `/redirect` stores, then 303 to
 * `/look` · `/many` changes the session in several ways
 *
 * `POST /login` `{ user, remember, factor, keep }` · `/relogin` `{ subject, factor, fails }` · `/regenerate` · `/logout` ·
 * `/logout-everywhere` · `GET /devices` → `[{ id }]` · `POST /revoke/:id` · `/revoke-others` → `{ ended }`
 */
export interface Target {
  /** A column of the table. */
  readonly name: string;
  /** Such as `Express over memory`. */
  readonly title: string;
  readonly cookieName: string;
  readonly lacks: Readonly<Partial<Record<Capability, Lack>>>;
  /** What a reader has to know of a result that is not "yes", by the case. */
  readonly notes?: Readonly<Record<string, string>>;
  /** Sent with each request: what a proxy would add. */
  readonly headers: Readonly<Record<string, string>>;
  /** @throws what a wrong setting makes the application throw at boot */
  start(settings?: Settings): Promise<Site>;
  /** Ends whatever was started. */
  close(): Promise<void>;
}
