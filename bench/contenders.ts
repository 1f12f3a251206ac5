export const PLATFORMS = ['express', 'fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

/**
 * What can be added to the application without sessions, each doing nothing but being there; to this library only
 * the interceptor.
 */
export type Part =
  /** A global guard. */
  | 'guard'
  /** AsyncLocalStorage entered in a middleware of Nest's. */
  | 'middleware'
  /** AsyncLocalStorage entered in `app.use` of Express, or in Fastify's `onRequest`. */
  | 'hook'
  /** A global interceptor. */
  | 'interceptor'
  /** Its own `writeHead` and `end` at each response. */
  | 'response'
  /** In the framework's hook one SHA-256 of the cookie, and with it one lookup in a `Map`. */
  | 'lookup';

/** One application under test. All of them answer the same routes with the same bodies. */
export interface Contender {
  name: string;
  title: string;
  platform: Platform;
  /** What it is: the scale, this library, or what else one could use. */
  kind: 'scale' | 'ours' | 'peer';
  needs?: 'redis' | 'postgres';
  /** A package without which it is left out. */
  package?: string;
  parts?: readonly Part[];
  /** Bytes of JSON that fit, where the data travels in the cookie (4096 octets, encoded). */
  holds?: number;
  /** Whether each session is bound to a key of its visitor. */
  bound?: boolean;
  /** Only measured in these profiles. */
  only?: readonly string[];
}

const COOKIE_ROOM = 2_000;

/** The least that recognises a session and passes it on. */
const FLOOR: Pick<Contender, 'title' | 'kind' | 'parts' | 'only'> = {
  title:
    "floor: AsyncLocalStorage in the framework's hook, no-op global guard, one SHA-256, one `Map` lookup",
  kind: 'scale',
  parts: ['guard', 'hook', 'lookup'],
  only: ['anonymous', 'read'],
};

export const contenders: readonly Contender[] = [
  { name: 'none', title: 'no sessions', platform: 'express', kind: 'scale' },
  { name: 'floor', platform: 'express', ...FLOOR },
  { name: 'memory', title: 'nest-sessions, memory', platform: 'express', kind: 'ours' },
  {
    name: 'memory-no-context',
    title: 'nest-sessions, memory, `context: false`',
    platform: 'express',
    kind: 'ours',
    only: ['anonymous', 'read'],
  },
  {
    name: 'memory-bound',
    title: 'nest-sessions, memory, `deviceBound: true`, each session bound',
    platform: 'express',
    kind: 'ours',
    package: 'jose',
    bound: true,
    only: ['read'],
  },
  { name: 'express-session', title: 'express-session, memory', platform: 'express', kind: 'peer' },
  { name: 'redis', title: 'nest-sessions, Redis', platform: 'express', kind: 'ours', needs: 'redis' },
  {
    name: 'connect-redis',
    title: 'express-session + connect-redis',
    platform: 'express',
    kind: 'peer',
    needs: 'redis',
  },
  {
    name: 'postgres',
    title: 'nest-sessions, PostgreSQL',
    platform: 'express',
    kind: 'ours',
    needs: 'postgres',
  },
  {
    name: 'connect-pg-simple',
    title: 'express-session + connect-pg-simple',
    platform: 'express',
    kind: 'peer',
    needs: 'postgres',
    package: 'connect-pg-simple',
  },
  {
    name: 'sealed',
    title: 'nest-sessions, sealed cookie',
    platform: 'express',
    kind: 'ours',
    holds: COOKIE_ROOM,
  },
  { name: 'cookie-session', title: 'cookie-session', platform: 'express', kind: 'peer', holds: COOKIE_ROOM },
  { name: 'iron-session', title: 'iron-session', platform: 'express', kind: 'peer', holds: COOKIE_ROOM },
  { name: 'fastify-none', title: 'no sessions', platform: 'fastify', kind: 'scale' },
  { name: 'fastify-floor', platform: 'fastify', ...FLOOR },
  { name: 'fastify-memory', title: 'nest-sessions, memory', platform: 'fastify', kind: 'ours' },
  { name: 'fastify-session', title: '@fastify/session, memory', platform: 'fastify', kind: 'peer' },
  {
    name: 'fastify-sealed',
    title: 'nest-sessions, sealed cookie',
    platform: 'fastify',
    kind: 'ours',
    holds: COOKIE_ROOM,
  },
  {
    name: 'fastify-secure-session',
    title: '@fastify/secure-session',
    platform: 'fastify',
    kind: 'peer',
    holds: COOKIE_ROOM,
  },
];

/** Only in the ablation: what lies between the application without sessions and this library. */
export const steps: readonly Contender[] = PLATFORMS.flatMap((platform) => [
  step(platform, 'guard', 'no-op global guard', ['guard']),
  step(platform, 'middleware', "no-op guard, AsyncLocalStorage in Nest's middleware", [
    'guard',
    'middleware',
  ]),
  step(platform, 'hook', "no-op guard, AsyncLocalStorage in the framework's hook", ['guard', 'hook']),
  step(platform, 'interceptor', "no-op guard, AsyncLocalStorage in the framework's hook, no-op interceptor", [
    'guard',
    'hook',
    'interceptor',
  ]),
  step(
    platform,
    'response',
    "no-op guard, AsyncLocalStorage in the framework's hook, no-op `writeHead` and `end`",
    ['guard', 'hook', 'response'],
  ),
  {
    ...step(platform, 'memory-interceptor', 'nest-sessions, memory, `SessionInterceptor` bound globally', [
      'interceptor',
    ]),
    kind: 'ours',
  },
]);

function step(platform: Platform, name: string, title: string, parts: Part[]): Contender {
  return { name: nameOn(platform, name), title, platform, kind: 'scale', parts };
}

/** The counterpart of a contender of Express. */
export function nameOn(platform: Platform, name: string): string {
  return platform === 'express' ? name : `fastify-${name}`;
}

export const scaleOf = (platform: Platform): string => nameOn(platform, 'none');

export function contender(name: string): Contender {
  const found = [...contenders, ...steps].find((one) => one.name === name);
  if (!found)
    throw new Error(`no contender "${name}"; there are: ${contenders.map((c) => c.name).join(', ')}`);
  return found;
}
