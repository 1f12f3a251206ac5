import { createHmac, createSecretKey, hkdfSync } from 'node:crypto';
import { cookieKeys } from 'nest-sessions';
import { successorOf, TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';

const SECRET = 'a secret of the application, of 32 bytes and more';
const [NAME, LENGTH, TOKEN] = ['sid', 10, 'id.secret.'];

/** As docs/security.md states it. */
const derived = (purpose: string) =>
  Buffer.from(hkdfSync('sha256', SECRET, '', `nest-sessions/${purpose}/${NAME}`, 32));

describe('what a later version has to make alike', () => {
  const signer = new Signer([SECRET], NAME, LENGTH);

  it('is the signature of a token', () => {
    const signature = createHmac('sha256', derived('sign').toString('base64url'))
      .update(TOKEN)
      .digest('base64');
    expect(signer.sign(TOKEN)).toBe(`s:${TOKEN}.${signature.slice(0, 43)}`);
  });

  it('is the successor of a secret at a rotation', () => {
    expect(signer.successor('id', 'secret', 'nonce')).toBe(
      successorOf(createSecretKey(derived('successor')), 'id', 'secret', 'nonce'),
    );
  });

  it.each(['notice', 'migrate', 'device'] as const)(
    'is the key of the purpose "%s", derived once',
    (purpose) => {
      const keys = signer.derived(purpose);
      expect(keys.map((key) => key.export())).toEqual([derived(purpose)]);
      expect(signer.derived(purpose)).toBe(keys);
    },
  );
});

describe('a signed value', () => {
  const signer = new Signer([SECRET], NAME, LENGTH);
  const signature = 'm'.repeat(43);

  it('has a token and a signature', () => {
    expect(signer.split(`s:${TOKEN}.${signature}`)).toEqual({ token: TOKEN, signature });
  });

  it.each([
    ['has another prefix', `j:${TOKEN}.${signature}`],
    ['has no prefix', `${TOKEN}.${signature}`],
    ['has no dot before the signature', `s:${TOKEN}-${signature}`],
    ['has a shorter signature', `s:${TOKEN}.${signature.slice(1)}`],
    ['has a longer signature', `s:${TOKEN}.${signature}m`],
    ['has a shorter token', `s:${TOKEN.slice(1)}.${signature}`],
    ['has a longer token', `s:a${TOKEN}.${signature}`],
    ['is empty', ''],
  ])('is none of ours if it %s', (_what, value) => {
    expect(signer.split(value)).toBeUndefined();
  });
});

describe('a signature', () => {
  const token = `${'I'.repeat(22)}.${'S'.repeat(43)}`;
  const older = 'an older secret of the application, of 32 bytes and more';
  const foreign = 'a secret of somebody else, of 32 bytes and more';
  const signer = new Signer([SECRET, older], NAME, TOKEN_LENGTH);
  const keyOf = (secret: string, name = NAME) => cookieKeys(secret, name)[0]!;
  const signatureOf = (text: string, key: string) =>
    createHmac('sha256', key).update(text).digest('base64').slice(0, 43);

  it.each([
    ['the key derived from the newest secret', 'current', keyOf(SECRET)],
    ['the key derived from an older secret', 'current', keyOf(older)],
    ['the newest secret itself', 'legacy', SECRET],
    ['an older secret itself', 'legacy', older],
    ['the key derived from a foreign secret', undefined, keyOf(foreign)],
    ['a foreign secret itself', undefined, foreign],
    ['the key for another name of the cookie', undefined, keyOf(SECRET, 'other')],
  ])('that %s made has the form %s', (_what, form, key) => {
    expect(signer.verifies({ token, signature: signatureOf(token, key) })).toBe(form);
  });

  it.each([
    ['is shorter than a token', token.slice(1)],
    ['is longer than a token', `${token}S`],
    ['is not all ASCII', `${token.slice(1)}é`],
  ])('is none of ours where the text %s', (_what, text) => {
    for (const key of [keyOf(SECRET), SECRET])
      expect(signer.verifies({ token: text, signature: signatureOf(text, key) })).toBeUndefined();
  });

  it('stands after the secret of the token', () => {
    expect(signer.secretOf(signer.sign(token))).toBe('S'.repeat(43));
  });
});
