import type { SessionLimit } from 'nest-sessions/store';
import { hop, mutant } from './mutant.js';

const REFUSES = 'refuses a create whose proof is older than the mark or as old';
const LETS_IN = 'accepts a create whose proof is later than the mark';
const FRACTIONS = 'compares fractions of a millisecond';
const PLACE = 'replaces an earlier mark by a later one, and never the other way round';
const OTHERS = 'revokes no other subject';
const KEEPS = 'keeps the mark when sessions are created, committed and destroyed, the last one, too';
const EXPIRES = 'keeps the mark when the sessions of the subject expire';
const AS_LONG = 'keeps a mark for its whole ttl, whatever the ttl of later marks';
const TTLS = 'takes a ttl of a mark with a fraction, and one of more than 2^31 - 1 milliseconds';
const ENDS = 'leaves the sessions that exist alone at a mark';

const KINDS: Record<string, (limit: SessionLimit | undefined) => boolean> = {
  'without a limit': (limit) => limit === undefined,
  'with a limit that evicts': (limit) => limit?.onExceeded === 'evict-oldest',
  'with a limit that rejects': (limit) => limit?.onExceeded === 'reject' && limit.max === 2,
};

export const revoking = [
  mutant('markRevoked', 'leaves no mark', REFUSES, () => ({ markRevoked: async () => undefined })),
  mutant('create', 'does not ask for the mark', REFUSES, () => ({ isRevoked: () => false })),
  mutant('create', 'lets a proof of the same time in', REFUSES, (was) => ({
    isRevoked: (subject, provedAt) =>
      provedAt !== was.mark(subject ?? '')?.at && was.isRevoked(subject, provedAt),
  })),
  mutant('create', 'refuses only what was proved at most a second before', REFUSES, (was) => ({
    isRevoked: (subject, provedAt) =>
      was.isRevoked(subject, provedAt) && provedAt! > was.mark(subject!)!.at - 1_000,
  })),
  mutant('create', 'says rejected where the sessions were revoked', REFUSES, (was) => ({
    create: async (...all) => {
      const created = await was.create(...all);
      return created.outcome === 'revoked' ? { outcome: 'rejected' } : created;
    },
  })),
  mutant('create', 'refuses every proof while there is a mark', LETS_IN, (was) => ({
    isRevoked: (subject) => was.mark(subject ?? '') !== undefined,
  })),
  mutant('create', 'goes by the time of the create instead of the proof', REFUSES, (was) => ({
    isRevoked: (subject) => was.isRevoked(subject, was.now() + 1),
  })),
  mutant('create', 'goes by when the session began instead of the proof', LETS_IN, (was) => ({
    create: (record, ttl, limit, provedAt) =>
      was.create(record, ttl, limit, provedAt === undefined ? provedAt : record.createdAt - 1),
  })),
  mutant('create', 'lists nothing of a subject with a mark', LETS_IN, (was) => ({
    list: async (subject, limit) => (was.mark(subject) ? [] : was.list(subject, limit)),
  })),
  mutant('markRevoked', 'rounds its time down', FRACTIONS, (was) => ({
    markRevoked: (subject, at, ttl) => was.markRevoked(subject, Math.floor(at), ttl),
  })),
  mutant('markRevoked', 'rounds its time up', FRACTIONS, (was) => ({
    markRevoked: (subject, at, ttl) => was.markRevoked(subject, Math.ceil(at), ttl),
  })),
  mutant('create', 'rounds the time of the proof down', FRACTIONS, (was) => ({
    isRevoked: (subject, provedAt) => was.isRevoked(subject, provedAt && Math.floor(provedAt)),
  })),
  mutant('create', 'rounds the time of the proof up', FRACTIONS, (was) => ({
    isRevoked: (subject, provedAt) => was.isRevoked(subject, provedAt && Math.ceil(provedAt)),
  })),
  ...Object.entries(KINDS).flatMap(([kind, where]) => [
    mutant(
      'create',
      `stores what it refuses ${kind}`,
      `leaves nothing of a create that it refuses ${kind}`,
      (was, store) => ({
        create: async (record, ttl, limit, provedAt) => {
          const created = await was.create(record, ttl, limit, provedAt);
          if (created.outcome === 'revoked' && where(limit)) store.put(record, was.now() + ttl);
          return created;
        },
      }),
    ),
    mutant(
      'create',
      `holds a place for what it refuses ${kind}`,
      `leaves nothing of a create that it refuses ${kind}`,
      (was) => {
        const held = new Map<string, number>();
        return {
          create: async (record, ttl, limit, provedAt) => {
            const subject = record.subject ?? '';
            const created = await was.create(
              record,
              ttl,
              limit && { ...limit, max: limit.max - (held.get(subject) ?? 0) },
              provedAt,
            );
            if (created.outcome === 'revoked' && where(limit))
              held.set(subject, (held.get(subject) ?? 0) + 1);
            return created;
          },
        };
      },
    ),
    mutant(
      'create',
      `does not ask for the mark ${kind}`,
      `asks for the mark ${kind}, and lets a later proof in`,
      (was) => ({
        create: (record, ttl, limit, provedAt) =>
          was.create(record, ttl, limit, where(limit) ? undefined : provedAt),
      }),
    ),
    mutant(
      'create',
      `refuses every proof ${kind}`,
      `asks for the mark ${kind}, and lets a later proof in`,
      (was) => ({
        create: (record, ttl, limit, provedAt) =>
          was.create(record, ttl, limit, where(limit) && provedAt ? 0 : provedAt),
      }),
    ),
  ]),
  mutant(
    'create',
    'evicts before it asks for the mark',
    'leaves nothing of a create that it refuses with a limit that evicts',
    (was, store) => ({
      create: async (record, ttl, limit, provedAt) => {
        if (limit?.onExceeded === 'evict-oldest') store.evictNow(record.subject!, limit, 1);
        return was.create(record, ttl, limit, provedAt);
      },
    }),
  ),
  mutant('markRevoked', 'takes the mark that comes last', PLACE, (was, store) => ({
    markRevoked: async (subject, at, ttl) =>
      void store.engine.marks.set(subject, { at, expires: was.now() + ttl }),
  })),
  mutant('markRevoked', 'keeps the mark that came first', PLACE, (was, store) => ({
    markRevoked: async (subject, at, ttl) => {
      if (!store.mark(subject)) await was.markRevoked(subject, at, ttl);
    },
  })),
  mutant('markRevoked', 'marks all subjects', OTHERS, (was) => ({
    markRevoked: (_, at, ttl) => was.markRevoked('', at, ttl),
    mark: () => was.mark(''),
  })),
  mutant('markRevoked', 'compares subjects without case', OTHERS, (was) => ({
    markRevoked: (subject, at, ttl) => was.markRevoked(subject.toLowerCase(), at, ttl),
    mark: (subject) => was.mark(subject.toLowerCase()),
  })),
  mutant('markRevoked', 'trims subjects', OTHERS, (was) => ({
    markRevoked: (subject, at, ttl) => was.markRevoked(subject.trim(), at, ttl),
    mark: (subject) => was.mark(subject.trim()),
  })),
  mutant('destroy', 'forgets the mark with the last session', KEEPS, (was, store) => ({
    remove: (id, word) => {
      const record = was.remove(id, word);
      if (record?.subject !== undefined && was.of(record.subject).length === 0)
        store.engine.marks.delete(record.subject);
      return record;
    },
  })),
  mutant('create', 'forgets the mark when a session is created', KEEPS, (was, store) => ({
    create: async (record, ...rest) => {
      const created = await was.create(record, ...rest);
      if (created.outcome === 'created') store.engine.marks.delete(record.subject ?? '');
      return created;
    },
  })),
  mutant('list', 'forgets the mark', KEEPS, (was, store) => ({
    list: (subject, limit) => {
      store.engine.marks.delete(subject);
      return was.list(subject, limit);
    },
  })),
  mutant('create', 'forgets the mark with the session that has expired', EXPIRES, (was, store) => ({
    create: (record, ttl, limit, provedAt) => {
      const created = was.create(record, ttl, limit, provedAt);
      const mark = store.mark(record.subject ?? '');
      if (mark) mark.expires = Math.min(mark.expires, was.now() + ttl);
      return created;
    },
  })),
  mutant('markRevoked', 'is kept for as long as the last one said', AS_LONG, (was, store) => ({
    markRevoked: async (subject, at, ttl) => {
      await was.markRevoked(subject, at, ttl);
      store.mark(subject)!.expires = was.now() + ttl;
    },
  })),
  mutant('markRevoked', 'is kept for as long as the latest mark said', AS_LONG, (was, store) => ({
    markRevoked: async (subject, at, ttl) => {
      const later = at > (store.mark(subject)?.at ?? -Infinity);
      await was.markRevoked(subject, at, ttl);
      if (later) store.mark(subject)!.expires = was.now() + ttl;
    },
  })),
  mutant('markRevoked', 'throws for a ttl with a fraction', TTLS, (was) => ({
    markRevoked: async (subject, at, ttl) => {
      if (!Number.isInteger(ttl)) throw new Error('value is not an integer');
      await was.markRevoked(subject, at, ttl);
    },
  })),
  mutant('markRevoked', 'keeps a ttl in 32 bits', TTLS, (was) => ({
    markRevoked: (subject, at, ttl) => was.markRevoked(subject, at, ttl | 0),
  })),
  mutant('markRevoked', 'ends the sessions that are there', ENDS, (was, store) => ({
    markRevoked: async (subject, at, ttl) => {
      for (const { id } of store.of(subject)) store.remove(id);
      await was.markRevoked(subject, at, ttl);
    },
  })),
  mutant('markRevoked', 'hides the sessions that are there', ENDS, (was) => ({
    of: (subject) => (was.mark(subject) ? [] : was.of(subject)),
  })),
  mutant('commit', 'refuses to write to sessions of before the mark', ENDS, (was) => ({
    mayCommit: (record, delta) =>
      !was.isRevoked(record.subject, record.createdAt) && was.mayCommit(record, delta),
  })),
  ...['without a limit', 'with a limit'].map((kind) =>
    mutant(
      'create',
      `asks for the mark and inserts later ${kind}`,
      `a create ${kind} beside a revocation: it is refused, or it is listed`,
      (was, store) => ({
        create: async (record, ttl, limit, provedAt) => {
          if ((limit !== undefined) !== (kind === 'with a limit'))
            return was.create(record, ttl, limit, provedAt);
          if (store.isRevoked(record.subject, provedAt)) return { outcome: 'revoked' };
          await hop();
          return was.create(record, ttl, limit);
        },
      }),
    ),
  ),
];
