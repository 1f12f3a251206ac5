import { createCipheriv, createHmac } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { LiuFormat } from '../../../lib/stores/sealed/formats/liu.js';
import { ScsFormat, type ScsKeySet } from '../../../lib/stores/sealed/formats/rfc6896.js';
import { SealedFormat } from '../../../lib/stores/sealed/formats/sealed.js';
import type { SealedCodec } from '../../../lib/stores/sealed/formats/format.js';
import { must, type Target } from '../engine/target.js';
import { ISSUED_LIU, ISSUED_SEALED, ISSUED_UNTIL } from './issued-cookies.js';
import { keyOf, NAME, NOW, NOW_SECRET, OLD_SECRET } from './keys.js';

const HOUR = 3_600_000;
const secrets = [keyOf(NOW_SECRET), keyOf(OLD_SECRET)];
const sets = ScsFormat.keySets(secrets, NAME, 'deflate');
const envelope = { lastSeenAt: NOW, expiresAt: ISSUED_UNTIL, subject: 'alice', binding: undefined };

const codecs = {
  sealed: new SealedFormat(secrets, NAME),
  scs: new ScsFormat(sets, HOUR),
  liu: new LiuFormat(LiuFormat.keys(secrets, NAME)),
};

/** Everything that the application has issued, with what it holds. */
const issued = new Map<string, string>([
  ...ISSUED_SEALED,
  ...ISSUED_LIU,
  ...['{"user":"alice"}', ''].map((text): [string, string] => [
    codecs.scs.write(Buffer.from(text), NOW / 1000, Buffer.alloc(16, 7)),
    text,
  ]),
]);

function checkOpening(codec: SealedCodec, value: string): void {
  const content = codec.open(value, NOW, undefined);
  if (content !== undefined) {
    must(issued.get(value) === content, 'exactly what was issued is opened', { value, content });
    must(codec.hasForm(value), 'what opens has the form', value);
  }
  const past = codec.open(value, Infinity, undefined);
  must(past === undefined || codec.cacheable, 'nothing opens when its time is over', value);
  codec.hasForm(value);
}

/** Only well-formed texts are sealed: JSON has no others. */
function checkRoundTrip(codec: SealedCodec, text: string): void {
  const content = Buffer.from(text).toString();
  const value = codec.seal(content, envelope);
  must(codec.hasForm(value), 'a sealed value has the form of one', value);
  must(codec.open(value, NOW, undefined) === content, 'what is sealed opens to the same', content);
}

export const sealedTarget: Target = {
  name: 'sealed',
  seeds: [...issued.keys(), 'v1.AAAAAAAA.', '|||', '||||', 'a|1|b|c', 'v1..'],
  words: ['v1.', '.', '|', '=', '-', '_', 'AAAA', '%', 'v2.', '+', '/'],
  check(input) {
    for (const codec of Object.values(codecs)) checkOpening(codec, input);
    if (input.length < 256) for (const codec of Object.values(codecs)) checkRoundTrip(codec, input);
  },
  parse: (input) => {
    for (const codec of Object.values(codecs)) {
      codec.open(input, NOW, undefined);
      codec.hasForm(input);
    }
  },
};

/** Values with a valid tag around fields that no application has written, as a faulty one with the same keys may. */
function authentic(input: string, set: ScsKeySet): string {
  const [eData = '', eAtime = '', eIv = ''] = input.split('|');
  const fields = `${eData}|${eAtime}|${Buffer.from(set.tid).toString('base64url')}|${eIv}`;
  return `${fields}|${createHmac('sha1', set.hmacKey).update(fields).digest('base64url')}`;
}

/** The same around any bytes, encrypted as they are. */
function encrypted(state: Buffer, set: ScsKeySet): string {
  const iv = Buffer.alloc(16, 9);
  const cipher = createCipheriv('aes-128-cbc', set.key, iv);
  const data = Buffer.concat([cipher.update(state), cipher.final()]).toString('base64url');
  return authentic(
    `${data}|${Buffer.from(String(NOW / 1000)).toString('base64url')}|${iv.toString('base64url')}`,
    set,
  );
}

function readAuthentic(input: string): void {
  const bytes = Buffer.from(input, 'latin1');
  for (const set of sets.slice(0, 3)) {
    const odd = codecs.scs.read(authentic(input, set), NOW);
    const inflated = codecs.scs.read(encrypted(bytes, set), NOW);
    if (set.compress)
      for (const state of [odd, inflated])
        must((state?.length ?? 0) <= 64 * 1024, 'nothing is inflated beyond the limit');
    if (!set.compress) must(inflated?.equals(bytes) === true, 'what is encrypted as it is, is read as it is');
  }
}

export const scsTarget: Target = {
  name: 'scs',
  seeds: [
    [...issued.keys()]
      .find((value) => value.split('|').length === 5)!
      .split('|')
      .with(2, '')
      .join('|'),
    deflateRawSync(Buffer.alloc(70_000)).toString('latin1'),
    deflateRawSync('{"user":"alice"}').toString('latin1'),
    '|MQ|AAAAAAAAAAAAAAAAAAAAAA',
    'AAAA|MQ|AAAAAAAAAAAAAAAAAAAAAA',
  ],
  words: ['|', 'MQ', 'AAAAAAAAAAAAAAAAAAAAAA', '\x78\x9c', '\x03\x00', '\xed\xc1', '-', '_'],
  check: readAuthentic,
  parse: readAuthentic,
};
