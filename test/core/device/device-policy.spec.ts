import { boundAtOf, deviceKeyOf } from '../../../lib/core/device/device-key.js';
import { DevicePolicy } from '../../../lib/core/device/device-policy.js';
import { DeviceTokens } from '../../../lib/core/device/device-tokens.js';
import { DEVICE_KEY, type SessionRecord } from '../../../lib/core/model/record.js';
import { TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { SECRET } from '../../support/platforms.js';

const NOW = Date.UTC(2030, 0, 1);
const GRACE = 10_000;
const HOUR = 3_600_000;
const ID = 'A'.repeat(22);
const THUMBPRINT = 'B'.repeat(43);

const tokens = new DeviceTokens(new Signer([SECRET], '__Host-session', TOKEN_LENGTH).derived('device'));
const policyThat = (required: boolean): DevicePolicy =>
  new DevicePolicy({
    tokens,
    cookie: { name: 'bound', path: '/', sameSite: 'lax', secure: true, partitioned: false },
    lifetime: HOUR,
    grace: GRACE,
    required,
    algorithms: ['ES256'],
  });

const policy = policyThat(false);

/** A session as a store returns it, with this text for its key. */
const withKey = (text: string): SessionRecord =>
  ({ id: ID, subject: 'alice', factors: {}, extra: { [DEVICE_KEY]: text } }) as unknown as SessionRecord;

const keyText = (boundAt: unknown, algorithm = 'ES256', thumbprint: unknown = THUMBPRINT): string =>
  JSON.stringify([algorithm, thumbprint, boundAt, 'x', 'y', 'nonce']);

const standing = (record: SessionRecord, cookie?: string): string =>
  policy.standingOf(record, cookie, NOW).kind;

describe('a session that is not bound, where it has to be', () => {
  it.each([
    [NOW, 'unbound'],
    [NOW - GRACE + 1, 'unbound'],
    [NOW - GRACE, 'refused'],
    [NOW + GRACE - 1, 'unbound'],
    [NOW + GRACE, 'refused'],
    [NOW + 24 * HOUR, 'refused'],
  ])('after a login at %d: a request is %s', (at, kind) => {
    const record = { id: ID, subject: 'alice', startedAt: at, factors: {} } as unknown as SessionRecord;
    expect(policyThat(true).standingOf(record, undefined, NOW).kind).toBe(kind);
    expect(policy.standingOf(record, undefined, NOW).kind).toBe('unbound');
  });
});

describe('a session that is bound', () => {
  const bound = `bound=${tokens.bound(ID, THUMBPRINT, NOW + HOUR)}`;

  it.each([
    [NOW, 'racing'],
    [NOW - GRACE + 1, 'racing'],
    [NOW - GRACE, 'refused'],
    // By a node whose clock is ahead, a little or far.
    [NOW + GRACE - 1, 'racing'],
    [NOW + GRACE, 'refused'],
    [NOW + 24 * HOUR, 'refused'],
    [-1, 'refused'],
  ])('at %d: without its cookie a request is %s', (boundAt, kind) => {
    const record = withKey(keyText(boundAt));
    expect([standing(record), standing(record, bound)]).toEqual([kind, 'proved']);
  });

  it.each([
    '',
    'null',
    '[]',
    '{}',
    keyText(NOW, 'ES512'),
    keyText(NOW, 'ES256', 1),
    keyText('now'),
    keyText(null),
    keyText(8.64e15 + 1),
    keyText(NOW).replace(String(NOW), '1e400'),
  ])('by a key that cannot be read, %j: opens for nobody', (text) => {
    const record = withKey(text);
    expect(deviceKeyOf(record)).toMatchObject({ thumbprint: '' });
    expect([standing(record), standing(record, bound)]).toEqual(['refused', 'refused']);
    expect(boundAtOf(record)).toEqual(new Date(0));
  });
});
