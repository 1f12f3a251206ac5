/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What the configuration says of the application: how one logs in, reads, writes and logs out there. */
export interface AttackConfig {
  /** The host that is attacked, repeated by somebody who may do so. Needed for every host but loopback. */
  iOwn?: string;
  /** The cookies that make up the session. By default those that a login sets and a read cannot do without. */
  cookie?: readonly string[];
  users: { first: User; second?: User };
  login: RequestTemplate;
  logout: RequestTemplate;
  relogin?: RequestTemplate;
  read: ReadTemplate;
  write?: WriteTemplate;
  increment?: CountTemplate;
  /** Further paths whose responses belong to one user. */
  private: readonly string[];
  /** What a visitor sees without a login. */
  anonymous: readonly string[];
  csrf?: CsrfSource;
  /** Checks that are left out, each with the reason, which the report repeats. */
  skip: Readonly<Record<string, string>>;
  /** How many requests are sent at the same time. */
  parallel: number;
  /** How many logins are compared for the entropy of the token. */
  samples: number;
}

/** Fills the placeholders of templates: `{{name}}`, `{{password}}`, and whatever else an application asks for. */
export type User = Readonly<Record<string, string>> & { readonly name: string };

export interface RequestTemplate {
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  json?: Json;
  form?: Readonly<Record<string, string>>;
}

/** How a response looks. What is not given does not matter. */
export interface Expectation {
  status?: readonly number[];
  /** Values by their JSON pointer (RFC 6901). */
  json?: Readonly<Record<string, Json>>;
  /** A regular expression that the body matches. */
  matches?: string;
}

export interface ReadTemplate extends RequestTemplate {
  loggedIn: Expectation;
}

export interface WriteTemplate extends RequestTemplate {
  /** Where the value shows up again. */
  read: RequestTemplate;
}

export interface CountTemplate extends RequestTemplate {
  read: RequestTemplate;
  /** Where in that response the number is: a JSON pointer, or a regular expression whose first group it is. */
  count: { json: string } | { matches: string };
}

export interface CsrfSource {
  path: string;
  from: { json: string } | { meta: string } | { input: string } | { cookie: string };
  to: { header: string } | { field: string };
}
