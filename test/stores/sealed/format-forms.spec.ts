import { createSecretKey } from 'node:crypto';
import type { SealedCodec } from '../../../lib/stores/sealed/formats/format.js';
import { LiuFormat } from '../../../lib/stores/sealed/formats/liu.js';
import { ScsFormat } from '../../../lib/stores/sealed/formats/rfc6896.js';
import { SealedFormat } from '../../../lib/stores/sealed/formats/sealed.js';

const NAME = '__Host-session';
const NOW = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;
const envelope = { lastSeenAt: NOW, expiresAt: NOW + HOUR, subject: 'alice', binding: undefined };
const ring = [createSecretKey(Buffer.from('a secret of the application, of 32 bytes and more'))];
const a = (count: number) => 'a'.repeat(count);

/** What a value of another key, of another application or of an attacker may look like. */
const forms: [string, SealedCodec, Record<string, string>, Record<string, string>][] = [
  [
    'sealed',
    new SealedFormat(ring, NAME),
    {
      'the shortest': `v1.${a(8)}.${a(43)}`,
      'a long one': `v1.${a(8)}.${a(2_000)}`,
      'every character of base64url': `v1.aZ09-_aa.${a(40)}0Z-_`,
    },
    {
      'another version': `v2.${a(8)}.${a(43)}`,
      'something before the version': `av1.${a(8)}.${a(43)}`,
      'a space behind it': `v1.${a(8)}.${a(43)} `,
      'a key id of seven characters': `v1.${a(7)}.${a(43)}`,
      'a key id of nine characters': `v1.${a(9)}.${a(43)}`,
      'a key id with a foreign character': `v1.aaaa+aaa.${a(43)}`,
      'less than a salt and a tag': `v1.${a(8)}.${a(42)}`,
      'content with padding': `v1.${a(8)}.${a(43)}=`,
      'content with a foreign character at the front': `v1.${a(8)}.+${a(43)}`,
    },
  ],
  [
    'scs',
    new ScsFormat(ScsFormat.keySets(ring, NAME), HOUR),
    {
      'the shortest': `a|a|a|${a(22)}|${a(27)}`,
      'longer fields': `${a(300)}|${a(14)}|${a(8)}|${a(22)}|${a(27)}`,
      'every character of base64url': `aZ09-_|aZ09-_|aZ09-_|${a(20)}-_|${a(25)}-_`,
    },
    {
      'no data': `|a|a|${a(22)}|${a(27)}`,
      'no time': `a||a|${a(22)}|${a(27)}`,
      'no key set': `a|a||${a(22)}|${a(27)}`,
      'a field before it': `a|a|a|a|${a(22)}|${a(27)}`,
      'a space before it': ` a|a|a|${a(22)}|${a(27)}`,
      'a space behind it': `a|a|a|${a(22)}|${a(27)} `,
      'data with a foreign character': `a+a|a|a|${a(22)}|${a(27)}`,
      'a time with a foreign character': `a|a+a|a|${a(22)}|${a(27)}`,
      'a key set with a foreign character': `a|a|a+a|${a(22)}|${a(27)}`,
      'an IV of 15 bytes': `a|a|a|${a(20)}|${a(27)}`,
      'an IV of one character more': `a|a|a|${a(23)}|${a(27)}`,
      'an IV with a foreign character': `a|a|a|${a(21)}+|${a(27)}`,
      'a tag of 19 bytes': `a|a|a|${a(22)}|${a(26)}`,
      'a tag of one character more': `a|a|a|${a(22)}|${a(28)}`,
      'a tag with a foreign character': `a|a|a|${a(22)}|${a(26)}+`,
    },
  ],
  [
    'liu',
    new LiuFormat(LiuFormat.keys(ring, NAME)),
    {
      'that of an anonymous session': `|1|${a(43)}|${a(43)}`,
      'an expiration of 15 digits': `aZ09-_|999999999999999|${a(41)}-_|${a(41)}-_`,
      'a long one': `${a(300)}|1893459600|${a(2_000)}|${a(43)}`,
    },
    {
      'a field before it': `a|a|1|${a(43)}|${a(43)}`,
      'a space before it': ` a|1|${a(43)}|${a(43)}`,
      'a space behind it': `a|1|${a(43)}|${a(43)} `,
      'a user with a foreign character': `a+a|1|${a(43)}|${a(43)}`,
      'no expiration': `a||${a(43)}|${a(43)}`,
      'an expiration that begins with 0': `a|01|${a(43)}|${a(43)}`,
      'an expiration of 16 digits': `a|1000000000000000|${a(43)}|${a(43)}`,
      'an expiration in hexadecimal': `a|1f|${a(43)}|${a(43)}`,
      'less than an IV and a block': `a|1|${a(42)}|${a(43)}`,
      'data with a foreign character': `a|1|${a(42)}+${a(42)}|${a(43)}`,
      'a tag of 31 bytes': `a|1|${a(43)}|${a(42)}`,
      'a tag of one character more': `a|1|${a(43)}|${a(44)}`,
      'a tag with a foreign character': `a|1|${a(43)}|${a(42)}+`,
    },
  ],
];

describe.each(forms)('the form of a value of the format %s', (_format, codec, own, foreign) => {
  it.each(['', 'x', 'a state '.repeat(100)])('is that of what it seals, and opens: "%s"', (content) => {
    const value = codec.seal(content, envelope);
    expect(codec.hasForm(value)).toBe(true);
    expect(codec.open(value, NOW, undefined)).toBe(content);
  });

  it.each(Object.entries(own))('is %s', (_what, value) => {
    expect(codec.hasForm(value)).toBe(true);
    // Neither is it sealed by this key.
    expect(codec.open(value, NOW, undefined)).toBeUndefined();
  });

  it.each(Object.entries(foreign))('is not %s', (_what, value) => {
    expect(codec.hasForm(value)).toBe(false);
    expect(codec.open(value, NOW, undefined)).toBeUndefined();
  });
});

it.each(forms)('no value of another format has the form of the format %s', (format, codec) => {
  for (const [other, sealer] of forms)
    expect(codec.hasForm(sealer.seal('state', envelope))).toBe(other === format);
});

it('only the format sealed opens to the same at all times, so that it can be cached', () => {
  expect(Object.fromEntries(forms.map(([format, codec]) => [format, codec.cacheable]))).toEqual({
    sealed: true,
    scs: false,
    liu: false,
  });
});
