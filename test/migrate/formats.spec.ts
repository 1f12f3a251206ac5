import { createSecretKey, randomBytes } from 'node:crypto';
import { sealData } from 'iron-session';
import { sign } from 'cookie-signature';
import { claimOf } from '../../lib/core/migration/claim.js';
import { openLink, sealLink } from '../../lib/core/migration/link.js';
import { isId } from '../../lib/core/token/ids.js';
import { unseal } from '../../lib/migrate/iron-seal.js';
import { unsigned } from '../../lib/migrate/signed-value.js';

const PASSWORD = 'a password of at least 32 characters';

describe('the seal of iron-session', () => {
  const seal = async (data: unknown, ttl = 60): Promise<string> =>
    (await sealData(data, { password: { 7: PASSWORD }, ttl })).split('~')[0]!;

  it('opens what the library sealed', async () => {
    const opened = unseal(await seal({ user: 'älice 🗝' }), { 7: PASSWORD });
    expect(opened!.value).toEqual({ user: 'älice 🗝' });
    expect(Math.abs(opened!.expiresAt! - Date.now() - 60_000)).toBeLessThan(30_000);
    expect(unseal(await seal({ a: 1 }, 0), { 7: PASSWORD })!.expiresAt).toBeUndefined();
  });

  it('opens nothing with another password, or another id', async () => {
    const text = await seal({ a: 1 });
    expect(unseal(text, { 7: PASSWORD.toUpperCase() })).toBeUndefined();
    expect(unseal(text, { 8: PASSWORD })).toBeUndefined();
  });

  it('opens nothing that was altered in any part', async () => {
    const parts = (await seal({ a: 1 })).split('*');
    for (let i = 0; i < parts.length; i++) {
      const altered = [...parts];
      altered[i] = `${parts[i]!.startsWith('1') ? '2' : '1'}${parts[i]!.slice(1)}`;
      expect([i, unseal(altered.join('*'), { 7: PASSWORD, 1: PASSWORD, 2: PASSWORD })]).toEqual([
        i,
        undefined,
      ]);
    }
    expect(unseal(parts.slice(1).join('*'), { 7: PASSWORD })).toBeUndefined();
    expect(unseal('', { 7: PASSWORD })).toBeUndefined();
  });
});

describe('the signature of cookie-signature', () => {
  it('is verified with each key', () => {
    const signed = sign('a.value', 'older');
    expect(unsigned(signed, ['newer', 'older'])).toBe('a.value');
    expect(unsigned(signed, ['newer'])).toBeUndefined();
    for (const other of ['a.value', 'a.value.', '.', '', `${signed}A`, signed.slice(0, -1)])
      expect(unsigned(other, ['older'])).toBeUndefined();
  });
});

describe('what follows from an old credential', () => {
  it('is the same each time, and differs by source and key', () => {
    const claim = claimOf('a', 'key');
    expect(claimOf('a', 'key')).toEqual(claim);
    const all = [claim, claimOf('b', 'key'), claimOf('a', 'key2')];
    expect(new Set(all.flatMap(({ id, secret, marker }) => [id, secret, marker])).size).toBe(9);
    for (const { id, marker } of all) expect([isId(id), isId(marker)]).toEqual([true, true]);
  });

  it('does not show the key of the old session to a reader of the store', () => {
    const keys = [randomBytes(32), randomBytes(32)].map((key) => createSecretKey(key));
    const json = JSON.stringify(sealLink({ source: 'express-session:sid', key: 'the old id' }, keys[1]!));
    expect(json).not.toContain('the old id');
    expect(openLink(json, keys)).toEqual({ source: 'express-session:sid', key: 'the old id' });
    expect(openLink(json, keys.slice(0, 1))).toBeUndefined();
    for (const other of ['', '""', '42', '"AAAA"', `${json.slice(0, -3)}AA"`])
      expect(openLink(other, keys)).toBeUndefined();
  });
});
