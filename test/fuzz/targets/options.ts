import { SessionError } from '../../../lib/core/util/errors.js';
import { resolveOwnSettings } from '../../../lib/nest/options/session.settings.js';
import { must, type Target } from '../engine/target.js';

const SECRET = 'nRr1hT0m3yq6Zb8s5Vx2Kc9Wd4Jf7Lg0PaQeUiOtYp';

/** What JSON cannot write, and an application may pass. */
const ODD: Readonly<Record<string, () => unknown>> = {
  $bigint: () => 10n,
  $symbol: () => Symbol('odd'),
  $undefined: () => undefined,
  $nan: () => NaN,
  $infinity: () => Infinity,
  $bare: () => Object.create(null) as unknown,
  $function: () => () => 'ok',
  $date: () => new Date(0),
  $cycle: () => {
    const self: unknown[] = [];
    self.push(self);
    return self;
  },
};

function parsed(input: string): { options: object } | undefined {
  try {
    const given: unknown = JSON.parse(input, (_, value: unknown) =>
      typeof value === 'string' && Object.hasOwn(ODD, value) ? ODD[value]!() : value,
    );
    return typeof given === 'object' && given !== null
      ? { options: { secret: SECRET, ...given } }
      : undefined;
  } catch {
    return undefined;
  }
}

function check(input: string): void {
  const given = parsed(input);
  if (!given) return;
  try {
    checkSettings(resolveOwnSettings(given.options as never));
  } catch (error) {
    must(
      error instanceof SessionError && error.code === 'ERR_OPTIONS',
      'the error is the one for it',
      String(error),
    );
    must(error.message.startsWith('SessionModule: '), 'the message says whose option it is', error.message);
    must(!error.message.includes(SECRET), 'the message has no secret');
  }
}

/** What the rest of the library relies on. */
function checkSettings({ engine, relogin }: ReturnType<typeof resolveOwnSettings>): void {
  const { limits, rememberLimits, rollEvery, rotateEvery, grace, storeTimeout, cookie } = engine;
  const spans = [limits.idle, limits.lifetime, rememberLimits.idle, rememberLimits.lifetime, rollEvery];
  must(
    [...spans, grace, storeTimeout, relogin.within].every((span) => Number.isFinite(span) && span > 0),
    'every duration is positive and finite',
    spans,
  );
  must(
    limits.idle <= limits.lifetime && rememberLimits.idle <= rememberLimits.lifetime,
    'idle fits lifetime',
  );
  must(rollEvery < limits.idle, 'a session is rolled before it is idle');
  must(rotateEvery === false || grace < rotateEvery, 'the grace is shorter than the interval');
  const { name, secure, sameSite, partitioned, domain, path } = cookie;
  must(/^[!#$%&'*+\-.^_`|~\w]+$/.test(name), 'the name of the cookie is a token', name);
  must(/^\/[\x21-\x7e]*$/.test(path) && !path.includes(';'), 'the path can stand in the cookie', path);
  must(
    secure || (sameSite !== 'none' && !partitioned && !/^__(?:host|secure|http)-/i.test(name)),
    'it is Secure',
    cookie,
  );
  must(!/^__host-/i.test(name) || (domain === undefined && path === '/'), 'the prefix holds', cookie);
}

export const optionsTarget: Target = {
  name: 'options',
  seeds: [
    '{"idle":"30m","lifetime":"31d"}',
    '{"cookie":{"name":"session","secure":false,"path":"/app","domain":"example.com"}}',
    '{"cookie":{"sameSite":"none","partitioned":true,"priority":"low"},"rotateEvery":false}',
    '{"relogin":{"within":"5m","url":"/login"},"login":{"url":"/login"},"remember":{"idle":"2d","lifetime":"9d"}}',
    '{"crossOrigin":{"allow":["https://a.example","capacitor://localhost"]},"clearSiteData":["cache"]}',
    '{"maxSessions":3,"onExceeded":"reject","protection":"basic","exclude":["/health"],"context":false}',
    '{"resave":true,"ttl":5,"store":{},"__proto__":{"polluted":1}}',
    ...Object.keys(ODD).map((odd) => `{"rollEvery":"${odd}","maxSessions":"${odd}","remember":"${odd}"}`),
  ],
  words: [
    ...Object.keys(ODD).map((odd) => `"${odd}"`),
    ...[
      'secret',
      'store',
      'lifetime',
      'idle',
      'rollEvery',
      'rotateEvery',
      'rotateGrace',
      'storeTimeout',
      'remember',
    ].map((name) => `"${name}":`),
    ...[
      'login',
      'relogin',
      'cookie',
      'data',
      'maxSessions',
      'protection',
      'crossOrigin',
      'allow',
      'exclude',
      'url',
    ].map((name) => `"${name}":`),
    ...[
      '"name":"__Host-x"',
      '"__proto__":',
      '"constructor":',
      '{}',
      '[]',
      'null',
      'true',
      '1',
      '-1',
      '"5m"',
      '"1y"',
      ',',
    ],
  ],
  check,
  parse: (input) => {
    const given = parsed(input);
    if (!given) return;
    try {
      resolveOwnSettings(given.options as never);
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
    }
  },
};
