import type { IncomingMessage } from 'node:http';
import type { Awaitable } from '../storage/store.js';

/** Who is logged in at the other library, and what comes along. */
export interface MigratedLogin {
  /** The user's id, as `login()` takes it. `null` if nobody is logged in, so that only the data comes over. */
  subject: string | null;
  /** What becomes the data of the session. Nothing else of the old one comes over. @default none */
  data?: Record<string, unknown>;
  /**
   * When the user logged in: a date, or milliseconds since the epoch. The windows of `@Relogin()` and the absolute lifetime
   * count from it. Unknown, or in the future, no window accepts the login, and the lifetime begins now.
   * @default unknown
   */
  loggedInAt?: Date | number | undefined;
  /** How the user proved who they are: an RFC 8176 `amr` value. @default 'pwd' */
  factor?: string;
  /** A persistent cookie with the limits of the option `remember`, as of `login({ remember: true })`. @default false */
  remember?: boolean;
}

/** Adds to what `map` returned what a module of this library continues. */
export type CompleteLogin = (
  login: MigratedLogin,
  values: Readonly<Record<string, unknown>>,
) => MigratedLogin;

/** A live session of the other library. */
export interface OldSession {
  /** What comes over. `undefined`: nothing, and the old session stays as it is. */
  login(): MigratedLogin | undefined;
  /** What the other library kept, where that is an object: a module that continues a part of it looks here. Nothing of it comes over by itself. */
  readonly values?: Readonly<Record<string, unknown>>;
  /**
   * When the credential becomes invalid, in milliseconds since the epoch. Until then it is remembered that it came over.
   * @default unknown: 400 days, which is the longest that a browser keeps a cookie; once it was ended, as long as a session may last here
   */
  expiresAt?: number | undefined;
}

/** A cookie or token of a request whose signature the other library would accept. */
export interface OldCredential {
  /** Identifies the old session: the same for each of its requests. Stored only as a hash. */
  readonly key: string;
  /**
   * The session, if it is live. With `keepOld` this counts as activity, as a request to the other library does.
   *
   * @param now milliseconds since the epoch
   */
  load(now: number): Awaitable<OldSession | undefined>;
  /** Ends the session at the server, if it is kept there. */
  end?(): Awaitable<void>;
}

/** Logs a warning. */
export type Warn = (message: string) => void;

/** Where sessions come over from. */
export interface MigrationSource {
  /** The library, as events name it: `express-session`, say. */
  readonly name: string;
  /** Tells the sources of one application apart. The same in every deployment. */
  readonly id: string;
  /** Whether the old session goes on beside the new one, for nodes that still run the other library. */
  readonly keepOld: boolean;
  /** The Set-Cookie headers that take the old cookies away, sent once the old session is retired. */
  readonly removals: readonly string[];
  /**
   * Called once, at the start, which fails if it rejects: for what has to be loaded or derived.
   *
   * @param warn logs a warning, for what is wrong later on
   */
  ready?(warn: Warn): Promise<void>;
  /** What the request presents, if its signature is genuine. */
  find(request: IncomingMessage): Awaitable<OldCredential | undefined>;
  /** The session with this key, without a request that presents it. Absent where the cookie is the session. */
  reopen?(key: string): OldCredential;
}
