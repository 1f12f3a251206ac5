import { BoundCookies } from '../../../lib/core/device/bound-cookies.js';
import { writeDeviceKey } from '../../../lib/core/device/device-key.js';
import { DeviceTokens } from '../../../lib/core/device/device-tokens.js';
import { DEVICE_KEY, type SessionRecord } from '../../../lib/core/model/record.js';
import { TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { SECRET } from '../../support/platforms.js';

const UNTIL = Date.UTC(2030, 0, 1);
const ALICE = 'A'.repeat(22);
const BOB = 'B'.repeat(22);

const jwk = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' } as const;
const keyOf = (thumbprint: string): string =>
  writeDeviceKey({ algorithm: 'ES256', thumbprint: thumbprint.repeat(43), boundAt: 0, jwk });

const recordOf = (id: string, key?: string): SessionRecord =>
  ({ id, ...(key !== undefined && { extra: { [DEVICE_KEY]: key } }) }) as unknown as SessionRecord;

/** Counts what had to be verified anew. */
class CountingTokens extends DeviceTokens {
  verified = 0;

  override boundUntil(...args: Parameters<DeviceTokens['boundUntil']>): number | undefined {
    this.verified++;
    return super.boundUntil(...args);
  }
}

describe('bound cookies that were verified before', () => {
  const tokens = new CountingTokens(new Signer([SECRET], 'session', TOKEN_LENGTH).derived('device'));
  const key = keyOf('t');
  const value = tokens.bound(ALICE, 't'.repeat(43), UNTIL);
  let cookies: BoundCookies;

  beforeEach(() => {
    cookies = new BoundCookies(tokens);
    expect(cookies.boundUntil(value, recordOf(ALICE, key))).toBe(UNTIL);
    tokens.verified = 0;
  });

  it('are recognised', () => {
    for (let i = 0; i < 3; i++) expect(cookies.boundUntil(value, recordOf(ALICE, key))).toBe(UNTIL);
    expect(tokens.verified).toBe(0);
  });

  it('open no other session, and no session without a key', () => {
    expect(cookies.boundUntil(value, recordOf(BOB, key))).toBeUndefined();
    expect(cookies.boundUntil(value, recordOf(ALICE))).toBeUndefined();
  });

  it('are worth nothing once the session has another key', () => {
    expect(cookies.boundUntil(value, recordOf(ALICE, keyOf('u')))).toBeUndefined();
    expect(cookies.boundUntil(value, recordOf(ALICE, '["ES512"]'))).toBeUndefined();
  });

  it('do not stand for a value that differs anywhere', () => {
    for (let at = 0; at < value.length; at++) {
      const other = value[at] === '1' ? '2' : '1';
      const forged = value.slice(0, at) + other + value.slice(at + 1);
      expect(cookies.boundUntil(forged, recordOf(ALICE, key))).toBeUndefined();
    }
    for (const forged of ['', value.slice(0, 10), value.slice(10), `${value}1`, ` ${value}`])
      expect(cookies.boundUntil(forged, recordOf(ALICE, key))).toBeUndefined();
    expect(cookies.boundUntil(value, recordOf(ALICE, key))).toBe(UNTIL);
  });

  it('give way to the next one', () => {
    const next = tokens.bound(ALICE, 't'.repeat(43), UNTIL + 1);
    for (let i = 0; i < 3; i++) expect(cookies.boundUntil(next, recordOf(ALICE, key))).toBe(UNTIL + 1);
    expect(tokens.verified).toBe(1);
    expect(cookies.boundUntil(value, recordOf(ALICE, key))).toBe(UNTIL);
  });
});
