import { createHmac } from 'node:crypto';
import { decodeValue } from '../../../lib/core/token/cookie.js';
import { hashSecret, TOKEN_LENGTH } from '../../../lib/core/token/ids.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { TokenVerifier } from '../../../lib/core/token/token-verifier.js';
import { must, type Target } from '../engine/target.js';
import { NAME, NOW_SECRET, OLD_SECRET } from './keys.js';

const signer = new Signer([NOW_SECRET, OLD_SECRET], NAME, TOKEN_LENGTH);
const former = new Signer([OLD_SECRET], NAME, TOKEN_LENGTH);
const foreign = new Signer(['a secret of somebody else, of 32 bytes, too'], NAME, TOKEN_LENGTH);
const elsewhere = new Signer([NOW_SECRET], 'session', TOKEN_LENGTH);

const tokenOf = (letter: string): string => `${letter.repeat(22)}.${letter.repeat(43)}`;
/** As versions before 0.2 signed. */
const legacy = (token: string): string =>
  `s:${token}.${createHmac('sha256', NOW_SECRET).update(token).digest('base64').replace(/=+$/, '')}`;

/** Everything that the application has issued. */
const issued = new Map<string, 'current' | 'legacy'>([
  [signer.sign(tokenOf('A')), 'current'],
  [signer.sign(tokenOf('_')), 'current'],
  [former.sign(tokenOf('b')), 'current'],
  [legacy(tokenOf('c')), 'legacy'],
]);

const alike = [foreign.sign(tokenOf('A')), elsewhere.sign(tokenOf('A'))];

/** Its cache holds what was accepted before. */
const warm = new TokenVerifier(signer);

function check(value: string): void {
  const [first, second] = [warm.verify(value), warm.verify(value)];
  must(JSON.stringify(first) === JSON.stringify(second), 'the cache changes nothing', { first, second });
  const decoded = decodeValue(value);
  const form = decoded === undefined ? undefined : issued.get(decoded);
  must(first?.form === form, 'exactly what was issued is accepted', { first, form });
  if (!first) return void warm.hasForm(value);
  must(
    decoded?.startsWith(`s:${first.id}.${first.secret}.`) === true,
    'its parts are those of the token',
    first,
  );
  must(first.hash === hashSecret(first.secret), 'its hash is that of the secret', first);
  must(warm.hasForm(value), 'a genuine token has the form of one');
}

export const tokenTarget: Target = {
  name: 'token',
  seeds: [
    ...issued.keys(),
    ...alike,
    ...[...issued.keys()].map(encodeURIComponent),
    `s:${tokenOf('A')}.${'A'.repeat(43)}`,
    `s:${tokenOf('A')}`,
    `s:${'.'.repeat(66)}.${'/'.repeat(43)}`,
    encodeURIComponent('\u20ac'.repeat(22)),
  ],
  words: ['s:', 's%3A', '.', '%2E', '=', '==', '%00', '%EF%BF%BD', '+', '/', '-', '_', tokenOf('A')],
  check,
  parse: (value) => {
    warm.verify(value);
    warm.hasForm(value);
  },
};
