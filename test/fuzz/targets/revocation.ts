import { isDeepStrictEqual } from 'node:util';
import {
  confirmedOf,
  readRevocation,
  scopeOf,
  writeRevocation,
} from '../../../lib/revocations/revocation-codec.js';
import { ALL_VERSIONS, revocationOf, subjectRevocationOf } from '../../../lib/revocations/revocation-list.js';
import { RevocationTable } from '../../../lib/revocations/revocation-table.js';
import { must, type Target } from '../engine/target.js';
import { NOW } from './keys.js';

const ID = 'A'.repeat(22);
const UNTIL = NOW + 60_000;

const lines = (revocation: Parameters<typeof writeRevocation>[0]): string => {
  const { rank, until, body } = writeRevocation(revocation, 'nonce');
  return [rank, until, body].join('\n');
};

const read = (input: string) => {
  const [rank, until, ...body] = input.split('\n');
  return readRevocation(rank, until, body.length === 0 ? undefined : body.join('\n'));
};

function check(input: string): void {
  const revocation = read(input);
  if (!revocation) return;
  const again = read(lines(revocation));
  must(isDeepStrictEqual(again, revocation), 'what is read is read again as it was written', {
    revocation,
    again,
  });
  const { key, rank, until, terms } = revocation;
  must(Number.isSafeInteger(rank) && rank >= 0, 'the rank is a count or a time', rank);
  must(Number.isSafeInteger(until) && until >= 0 && until <= 8.64e15, 'the end is a time', until);
  must(
    key.startsWith(terms.kind === 'session' ? `s:${terms.id}` : `u:${terms.subject}:`),
    'the key is its own',
    key,
  );
  scopeOf(revocation);
  confirmedOf(revocation);
  checkTable(revocation);
}

/** In the table it voids what it names, and nothing more when it is applied again. */
function checkTable(revocation: NonNullable<ReturnType<typeof read>>): void {
  const table = new RevocationTable();
  table.apply(revocation);
  const size = table.size;
  must(!table.apply(revocation) && table.size === size, 'the same one twice changes nothing');
  const { terms, rank } = revocation;
  if (terms.kind !== 'session' || rank === 0) return;
  const token = { id: terms.id, version: 0, issuedAt: NOW, epoch: '' };
  const verdict = table.check(token, Infinity);
  must(!verdict.live, 'an older version is void when every grace is over', verdict);
  const other = { ...token, id: terms.id.startsWith('B') ? ID : 'B'.repeat(22) };
  must(table.check(other, Infinity).live, 'another session is live');
}

export const revocationTarget: Target = {
  name: 'revocation',
  seeds: [
    lines(revocationOf(ID, UNTIL, { why: 'ended', grace: NOW, honoured: false })),
    lines(
      revocationOf(ID, UNTIL, { why: 'rotated', grace: NOW, honoured: true, confirmed: NOW, older: NOW }, 3),
    ),
    lines(revocationOf(ID, UNTIL, { why: 'evicted', grace: NOW, honoured: false }, ALL_VERSIONS)),
    lines(subjectRevocationOf('alice', NOW, UNTIL)),
    lines(subjectRevocationOf('alice', NOW, UNTIL, { except: [ID], at: NOW })),
    lines(subjectRevocationOf('alice', NOW, UNTIL, { only: [ID] })),
    '1\n2\n["k",{"kind":"session"},"n"]',
    '1\n2\n{}',
  ],
  words: [
    ...[
      '"kind":"session"',
      '"kind":"subject"',
      '"why":"replaced"',
      '"why":"toString"',
      '"only":[]',
      '"except":[]',
    ],
    ...['"grace":', '"honoured":true', '"confirmed":', '"older":', '"at":', '"__proto__":', '"constructor":'],
    ...[String(ALL_VERSIONS), '8640000000000000', '8640000000000001', '1e308', 'null', `"${ID}"`, '\n'],
  ],
  check,
  parse: (input) => void read(input),
};
