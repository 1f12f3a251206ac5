/** What to do in place of an option that other session libraries have, by its name. */
export type ForeignOptions = Readonly<Record<string, string>>;

const LIMITS =
  'write idle, the time without a request after which a session ends, and lifetime, which ends it in any case.';
const COOKIE = 'it belongs to the cookie: write';
const ALWAYS = 'leave it out:';
const PROXY =
  "leave it out: tell the framework of the proxy (Express: app.set('trust proxy', 1); Fastify: new FastifyAdapter({ trustProxy: '10.0.0.0/8' }), the address of the proxy).";
const NAME = `${COOKIE} cookie: { name: '…' }.`;
const SECRETS = 'write secret: [now, before]; the first signs, all of them verify.';
const IDS = 'leave it out: ids and secrets are always random, 128 and 256 bits of them.';

const MODULE: ForeignOptions = {
  resave: 'leave it out: only what a request has changed is stored.',
  saveUninitialized: 'leave it out: a session is stored once it holds something, or somebody logs in.',
  rolling:
    'leave it out: requests extend a session by idle. How often that is written at most, says rollEvery.',
  unset: 'leave it out: sessions.clear() ends a session, sessions.logout() a login.',
  genid: IDS,
  idGenerator: IDS,
  proxy: PROXY,
  trustProxy: PROXY,
  name: NAME,
  key: NAME,
  cookieName: NAME,
  sessionName: NAME,
  keys: SECRETS,
  password: SECRETS,
  salt: SECRETS,
  signed: `${ALWAYS} the cookie is signed.`,
  httpOnly: `${ALWAYS} the cookie is HttpOnly.`,
  ttl: LIMITS,
  maxAge: LIMITS,
  expires: LIMITS,
  expiry: LIMITS,
  cookieOptions: 'write cookie: { … }.',
  path: `${COOKIE} cookie: { path: '…' }.`,
  domain: `${COOKIE} cookie: { domain: '…' }.`,
  sameSite: `${COOKIE} cookie: { sameSite: '…' }.`,
  secure: `${COOKIE} cookie: { secure: … }.`,
};

/** Of the option `cookie`. */
export const FOREIGN_COOKIE_OPTIONS: ForeignOptions = {
  maxAge: `it is no matter of the cookie: ${LIMITS} A cookie that outlives the browser has login(subject, { remember: true }).`,
  expires: `it is no matter of the cookie: ${LIMITS}`,
  originalMaxAge: `it is no matter of the cookie: ${LIMITS}`,
  httpOnly: `${ALWAYS} the cookie is HttpOnly.`,
  signed: `${ALWAYS} the cookie is signed.`,
  overwrite: `${ALWAYS} a response has one session cookie.`,
};

const NO_TTL =
  'leave it out: a session is kept until it ends, by idle and lifetime of SessionModule, and no longer.';

/** By the owner that {@link checkOptions} is told. */
export const FOREIGN_OPTIONS: Readonly<Record<string, ForeignOptions>> = {
  SessionModule: MODULE,
  MemoryStore: { ttl: NO_TTL, checkPeriod: NO_TTL, max: 'write maxCount.' },
  RedisStore: {
    ttl: NO_TTL,
    disableTTL: NO_TTL,
    disableTouch: 'leave it out: rollEvery of SessionModule says how often an extension is written at most.',
    serializer: 'leave it out: data is stored as JSON, key by key.',
    url: 'give a client: new RedisStore({ client }).',
    host: 'give a client: new RedisStore({ client }).',
  },
  PostgresStore: {
    ttl: NO_TTL,
    pruneSessionInterval: 'leave it out: rows of ended sessions are deleted every minute.',
    tableName: 'write table.',
    schemaName: "write it before the table: table: 'schema.name'.",
    createTableIfMissing: 'leave it out: call await store.migrate() before the application starts.',
    conString: 'give a pool: new PostgresStore({ pool: new Pool({ connectionString }) }).',
    conObject: 'give a pool: new PostgresStore({ pool: new Pool(options) }).',
    disableTouch: 'leave it out: rollEvery of SessionModule says how often an extension is written at most.',
  },
};
