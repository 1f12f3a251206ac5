import { boundAtOf, deviceKeyOf } from '../../../lib/core/device/device-key.js';
import { DevicePolicy } from '../../../lib/core/device/device-policy.js';
import { skipReasonOf } from '../../../lib/core/device/device-refusal.js';
import { DeviceTokens } from '../../../lib/core/device/device-tokens.js';
import { byKey } from '../../../lib/core/util/texts.js';
import { DEVICE_KEY, type SessionRecord } from '../../../lib/core/model/record.js';
import { TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { deviceRequestOf } from '../../../lib/nest/device/device-headers.js';
import { must, type Target } from '../engine/target.js';
import { DEVICE, ID, OLD_REFRESH, REFRESH, REGISTER, THUMBPRINT } from './issued-device.js';
import { NAME, NOW, NOW_SECRET, OLD_SECRET } from './keys.js';

const MINUTE = 60_000;
const GRACE = 10_000;
const BOUND = `${NAME}-bound`;

const tokensOf = (...secrets: string[]): DeviceTokens =>
  new DeviceTokens(new Signer(secrets, NAME, TOKEN_LENGTH).derived('device'));

const tokens = tokensOf(NOW_SECRET, OLD_SECRET);
const policy = new DevicePolicy({
  tokens,
  cookie: { name: BOUND, path: '/', sameSite: 'lax', secure: true, partitioned: false },
  lifetime: 10 * MINUTE,
  grace: GRACE,
  required: false,
  algorithms: ['ES256'],
});

/** The sessions and keys for which a value could be taken: the bound one, and those beside it. */
const OTHER = 'B'.repeat(22);
const contexts = [
  [ID, THUMBPRINT],
  [OTHER, THUMBPRINT],
  [ID, 'B'.repeat(43)],
  [ID, ''],
] as const;

/** The bound cookies that were issued, with their ends: of the session, one of them with the former secret, and of others. */
const ENDS = [NOW + MINUTE, NOW - 1] as const;
const boundCookies = new Map<string, { id: string; thumbprint: string; until: number }>();
for (const made of [tokens, tokensOf(OLD_SECRET)])
  for (const [id, thumbprint] of contexts.slice(0, 3))
    for (const until of ENDS) boundCookies.set(made.bound(id, thumbprint, until), { id, thumbprint, until });

const good = [...boundCookies]
  .filter(([, { id, thumbprint, until }]) => id === ID && thumbprint === THUMBPRINT && until > NOW)
  .map(([value]) => value);

const challenges = new Map([
  [REGISTER, { purpose: 'register', at: NOW }],
  [REFRESH, { purpose: 'refresh', at: NOW }],
  [OLD_REFRESH, { purpose: 'refresh', at: NOW - MINUTE }],
] as const);

const recordOf = (deviceKey: string): SessionRecord => ({
  id: ID,
  secretHash: '',
  revision: 0,
  subject: 'alice',
  factors: byKey(),
  createdAt: NOW,
  startedAt: NOW,
  lastSeenAt: NOW,
  rotatedAt: NOW,
  remember: false,
  data: byKey(),
  extra: { [DEVICE_KEY]: deviceKey },
});

const keyText = (boundAt: unknown, thumbprint: unknown = THUMBPRINT, algorithm = 'ES256'): string =>
  JSON.stringify([algorithm, thumbprint, boundAt, DEVICE.x, DEVICE.y, 'nonce']);
const bound = recordOf(keyText(NOW - MINUTE));

function check(input: string): void {
  checkHeaders(input);
  checkCookie(input);
  checkChallenge(input);
  checkKey(input);
}

/** Headers have no meaning beyond what they say. */
function checkHeaders(input: string): void {
  const { sessionId, proof } = deviceRequestOf({
    'sec-secure-session-id': input,
    'secure-session-response': input,
  });
  must(sessionId !== undefined && sessionId === proof, 'both headers are read alike', { sessionId, proof });
  const plain = input.trim();
  must(
    [plain, plain.slice(1, -1)].includes(sessionId),
    'a header is taken as it is, but for quotes',
    sessionId,
  );
  must(sessionId === plain || plain === `"${sessionId}"`, 'quotes are taken away as a pair', sessionId);
  const repeated = deviceRequestOf({ 'sec-secure-session-id': [input, input] as never });
  must(repeated.sessionId === undefined, 'a header that comes twice is none');
  const reason = skipReasonOf(input);
  must(SKIPS.includes(reason!), 'a reason is one of four', reason);
  must(reason === 'other' || input.includes(reason!), 'a reason is what the header says', reason);
}

const SKIPS: readonly string[] = ['quota_exceeded', 'unreachable', 'server_error', 'other'];

/** As the value, and as a Cookie header. */
function checkCookie(input: string): void {
  for (const [id, thumbprint] of contexts) {
    const issued = boundCookies.get(input);
    const until = issued?.id === id && issued.thumbprint === thumbprint ? issued.until : undefined;
    must(
      tokens.boundUntil(input, id, thumbprint) === until,
      'a cookie is good for its session and key alone',
    );
  }
  for (const header of [input, `${BOUND}=${input}`]) {
    const { kind } = policy.standingOf(bound, header, NOW);
    must(kind === 'proved' || kind === 'refused', 'a bound session is proved or refused', kind);
    must(
      kind === 'refused' || good.some((value) => header.includes(value)),
      'only what was issued proves',
      header,
    );
  }
  must(policy.hasCookie(`${BOUND}=${input}`), 'a bound cookie is seen, whatever its value');
}

function checkChallenge(input: string): void {
  const issued = challenges.get(input as typeof REGISTER);
  for (const [id, thumbprint] of contexts)
    for (const purpose of ['register', 'refresh'] as const) {
      const key = purpose === 'register' ? undefined : thumbprint;
      const meant = issued?.purpose === purpose && id === ID && (key === undefined || key === THUMBPRINT);
      const read = tokens.readChallenge(input, purpose, id, key);
      must(read?.at === (meant ? issued.at : undefined), 'a challenge is good for its purpose alone', read);
      must(read === undefined || input.startsWith(read.nonce), 'its nonce is that of the text', read);
    }
  const key = deviceKeyOf(bound)!;
  const late = NOW + policy.lifetimeOfChallenge(key);
  must(policy.acceptable(input, ID, key, late) === undefined, 'no challenge outlasts its time', input);
}

/** As what a store returns for a key. */
function checkKey(input: string): void {
  const record = recordOf(input);
  const key = deviceKeyOf(record);
  must(key !== undefined, 'a session with a key is bound, whatever the key');
  const at = boundAtOf(record)!;
  must(Number.isFinite(at.getTime()), 'the time of the binding is one', input);
  const proved = policy.standingOf(record, `${BOUND}=${good[0]}`, NOW);
  must(proved.kind !== 'proved' || key.thumbprint === THUMBPRINT, 'another key proves nothing', key);
  const without = policy.standingOf(record, undefined, NOW);
  must(
    without.kind === 'refused' || without.kind === 'racing',
    'without a cookie nothing is proved',
    without,
  );
  const lately = Math.abs(NOW - key.boundAt) < GRACE;
  must(without.kind === 'refused' || lately, 'requests race a binding of this moment alone', key);
  policy.challenge(record, key, NOW);
}

export const deviceTarget: Target = {
  name: 'device',
  seeds: [
    ...boundCookies.keys(),
    ...challenges.keys(),
    ...[...boundCookies.keys()].map((value) => `${NAME}=x; ${BOUND}=${value}`),
    ...good.flatMap((value) => [`${BOUND}=x; ${BOUND}=${value}`, `"${value}"`]),
    keyText(NOW - MINUTE),
    keyText(NOW, THUMBPRINT, 'RS256'),
    keyText(NOW, THUMBPRINT, 'none'),
    keyText('now', 1),
    'unreachable;session_identifier="A"',
    '"quota_exceeded"',
    ' "A" ',
    '"',
  ],
  words: [
    ...['quota_exceeded', 'unreachable', 'server_error', ';session_identifier=', '"', ';', '=', '.', ' '],
    ...[BOUND, `${BOUND}=`, `; ${BOUND}=`, ID, THUMBPRINT, '0o5uatc00', 'zzzzzzzzz', 'bound-----|', '|'],
    ...['["ES256",', '["RS256",', String(NOW), '1e400', '-1', 'null', '[', ']', ',', '__proto__', '{}'],
  ],
  check,
  parse: (input) => {
    deviceRequestOf({ 'sec-secure-session-id': input, 'secure-session-response': input });
    skipReasonOf(input);
    policy.standingOf(bound, input, NOW);
    tokens.readChallenge(input, 'refresh', ID, THUMBPRINT);
    deviceKeyOf(recordOf(input));
  },
};
