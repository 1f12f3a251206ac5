import type { RecordDelta, SessionRecord } from 'nest-sessions/store';
import { mutant } from './mutant.js';

const GONE = 'takes a time to live of zero or less as gone';
const FRACTION = 'takes a time to live with a fraction';
const WRITES_NOTHING = 'keeps the expiry where a commit writes nothing';

/** What a commit is told, by the words of the titles. */
const KINDS: Record<string, (delta: RecordDelta) => boolean> = {
  'of nothing else': ({ set, head, rotate, confirm, revision }) =>
    ![set, head, rotate, confirm].some(Boolean) && revision === undefined,
  'that changes data': ({ set, revision }) => set !== undefined && revision === undefined,
  'that changes the head': ({ head }) => head !== undefined,
  'that compares the revision': ({ revision }) => revision !== undefined,
  'that rotates': ({ rotate }) => rotate !== undefined,
  'that confirms': ({ confirm }) => confirm !== undefined,
};

const ttlIgnored = (where: (delta: RecordDelta, record: SessionRecord) => boolean) =>
  ((was) => ({
    expiryAfter: (entry, delta) =>
      where(delta, entry.record) ? entry.expires : was.expiryAfter(entry, delta),
  })) satisfies Parameters<typeof mutant>[3];

/** Remembers with which time to live each session was created. */
const startedAnew = (where: (delta: RecordDelta) => boolean) =>
  ((was) => {
    const ttls = new Map<string, number>();
    return {
      create: (record, ttl, ...rest) => {
        ttls.set(record.id, ttl);
        return was.create(record, ttl, ...rest);
      },
      expiryAfter: (entry, delta) => {
        const ttl = delta.ttl ?? (where(delta) ? ttls.get(entry.record.id) : undefined);
        return was.expiryAfter(entry, { ...delta, ttl });
      },
    };
  }) satisfies Parameters<typeof mutant>[3];

const ttlAtCreate = (change: (ttl: number) => number) =>
  ((was) => ({
    create: (record, ttl, ...rest) => was.create(record, change(ttl), ...rest),
  })) satisfies Parameters<typeof mutant>[3];

const ttlAtCommit = (change: (ttl: number) => number | undefined) =>
  ((was) => ({
    commit: (id, delta) =>
      was.commit(id, { ...delta, ttl: delta.ttl === undefined ? undefined : change(delta.ttl) }),
  })) satisfies Parameters<typeof mutant>[3];

const assertWhole = (ttl: number): number => {
  if (!Number.isInteger(ttl)) throw new Error('value is not an integer');
  return ttl;
};

export const expiring = [
  mutant(
    'create',
    'takes a ttl of 0 for none',
    GONE,
    ttlAtCreate((ttl) => ttl || Infinity),
  ),
  mutant(
    'create',
    'takes a negative ttl for none',
    GONE,
    ttlAtCreate((ttl) => (ttl < 0 ? Infinity : ttl)),
  ),
  mutant(
    'create',
    'takes the amount of a negative ttl',
    GONE,
    ttlAtCreate((ttl) => (ttl < 0 ? -ttl * 1_000 : ttl)),
  ),
  mutant('destroy', 'returns what was created with a ttl of 0', GONE, (was) => ({
    destroy: async (id, word) => (await was.destroy(id, word)) ?? was.engine.entries.get(id)?.record,
  })),
  mutant(
    'commit',
    'takes a ttl of 0 for none',
    'expires at once by a commit with a ttl of zero or less',
    ttlAtCommit((ttl) => ttl || undefined),
  ),
  mutant(
    'commit',
    'takes a negative ttl for none',
    'expires at once by a commit with a ttl of zero or less',
    ttlAtCommit((ttl) => (ttl < 0 ? undefined : ttl)),
  ),
  mutant(
    'create',
    'keeps sessions for ever',
    'forgets a session when its time is over',
    ttlAtCreate((ttl) => (ttl > 0 ? Infinity : ttl)),
  ),
  mutant(
    'create',
    'takes milliseconds for seconds',
    'forgets a session when its time is over',
    ttlAtCreate((ttl) => ttl * 1_000),
  ),
  ...Object.entries(KINDS).flatMap(([kind, where]) => [
    mutant(
      'commit',
      `starts the expiry anew at a commit ${kind}`,
      `keeps the expiry at a commit ${kind}, without ttl`,
      startedAnew(where),
    ),
    mutant(
      'commit',
      `keeps a session for ever after a commit ${kind}`,
      `keeps the expiry at a commit ${kind}, without ttl`,
      (was) => ({
        expiryAfter: (entry, delta) =>
          where(delta) && delta.ttl === undefined ? Infinity : was.expiryAfter(entry, delta),
      }),
    ),
    mutant(
      'commit',
      `ignores the ttl of a commit ${kind}`,
      `moves the expiry by the ttl of a commit ${kind}`,
      ttlIgnored(where),
    ),
    mutant(
      'commit',
      `never shortens the time to live by a commit ${kind}`,
      `moves the expiry by the ttl of a commit ${kind}`,
      (was) => ({
        expiryAfter: (entry, delta) => {
          const expires = was.expiryAfter(entry, delta);
          return where(delta) ? Math.max(entry.expires, expires) : expires;
        },
      }),
    ),
  ]),
  mutant(
    'commit',
    'ignores the ttl once there is a predecessor',
    'moves the expiry by a commit of a request that came with the predecessor',
    ttlIgnored((_, { previous }) => previous !== undefined),
  ),
  mutant(
    'commit',
    'ignores the ttl where a confirmation is left out',
    'moves the expiry by a commit whose confirmation comes too late',
    ttlIgnored(({ confirm }, { secretHash }) => confirm !== undefined && confirm.secretHash !== secretHash),
  ),
  mutant('commit', 'moves the expiry at a conflict', WRITES_NOTHING, (was, store) => ({
    commit: async (id, delta) => {
      const done = await was.commit(id, delta);
      const entry = store.entry(id);
      if (entry && done.outcome === 'conflict') entry.expires = was.expiryAfter(entry, delta);
      return done;
    },
  })),
  mutant('commit', 'moves the expiry for a request of another epoch', WRITES_NOTHING, (was, store) => ({
    commit: async (id, delta) => {
      const done = await was.commit(id, delta);
      const entry = store.entry(id);
      if (entry && done.outcome === 'gone') entry.expires = was.expiryAfter(entry, delta);
      return done;
    },
  })),
  mutant('load', 'extends the time to live', 'extends nothing by a load or a list', (was, store) => ({
    load: (id) => {
      const entry = store.entry(id);
      if (entry) entry.expires += 5_000;
      return was.load(id);
    },
  })),
  mutant('list', 'extends the time to live', 'extends nothing by a load or a list', (was, store) => ({
    list: (subject, limit) => {
      for (const { id } of store.of(subject)) store.entry(id)!.expires += 5_000;
      return was.list(subject, limit);
    },
  })),
  mutant(
    'commit',
    'revives what expired by itself',
    'revives nothing that expired by itself',
    (was, store) => ({
      commit: async (id, delta) => {
        const entry = store.engine.entries.get(id);
        if (entry && delta.ttl !== undefined) entry.expires = Math.max(entry.expires, was.now() + 1);
        return was.commit(id, delta);
      },
    }),
  ),
  mutant(
    'commit',
    'revives what expired by itself where it rotates',
    'revives nothing that expired by itself',
    (was, store) => ({
      commit: async (id, delta) => {
        const entry = store.engine.entries.get(id);
        if (entry && delta.rotate) entry.expires = Math.max(entry.expires, was.now() + 1);
        return was.commit(id, delta);
      },
    }),
  ),
  mutant(
    'destroy',
    'returns what expired by itself',
    'destroys nothing that expired by itself',
    (was, store) => ({
      destroy: async (id, word) => (await was.destroy(id, word)) ?? store.engine.entries.get(id)?.record,
    }),
  ),
  mutant(
    'destroy',
    'leaves a word of what expired by itself',
    'destroys nothing that expired by itself',
    (was, store) => ({
      destroy: async (id, word) => {
        if (word && store.engine.entries.has(id)) store.leave(id, word);
        return was.destroy(id, word);
      },
    }),
  ),
  mutant('create', 'throws for a ttl with a fraction', FRACTION, ttlAtCreate(assertWhole)),
  mutant('commit', 'throws for a ttl with a fraction', FRACTION, ttlAtCommit(assertWhole)),
  mutant(
    'create',
    'takes a ttl of less than 1 for none',
    FRACTION,
    ttlAtCreate((ttl) => (ttl > 0 ? Math.floor(ttl) || Infinity : ttl)),
  ),
  mutant(
    'commit',
    'takes a ttl of less than 1 for none',
    FRACTION,
    ttlAtCommit((ttl) => (ttl > 0 ? Math.floor(ttl) || undefined : ttl)),
  ),
  mutant(
    'create',
    'keeps a ttl in 32 bits',
    'takes a time to live of more than 2^31 - 1 milliseconds at create',
    ttlAtCreate((ttl) => ttl | 0),
  ),
  mutant(
    'create',
    'has a timer for each session',
    'takes a time to live of more than 2^31 - 1 milliseconds at create',
    ttlAtCreate((ttl) => (ttl > 2 ** 31 - 1 ? 1 : ttl)),
  ),
  mutant(
    'create',
    'drops sessions from the list after a ttl of 32 bits',
    'takes a time to live of more than 2^31 - 1 milliseconds at create',
    (was) => {
      const long = new Set<string>();
      return {
        create: (record, ttl, ...rest) => {
          if (ttl > 2 ** 31 - 1) long.add(record.id);
          return was.create(record, ttl, ...rest);
        },
        of: (subject) => was.of(subject).filter(({ id }) => !long.has(id)),
      };
    },
  ),
  mutant(
    'commit',
    'keeps a ttl in 32 bits',
    'takes a time to live of more than 2^31 - 1 milliseconds at commit',
    ttlAtCommit((ttl) => ttl | 0),
  ),
  mutant(
    'commit',
    'has a timer for each session',
    'takes a time to live of more than 2^31 - 1 milliseconds at commit',
    ttlAtCommit((ttl) => (ttl > 2 ** 31 - 1 ? 1 : ttl)),
  ),
  mutant('list', 'lists what has expired', 'lists none that has expired', (was, store) => ({
    list: async (subject, limit) =>
      [...store.engine.entries.values()]
        .map(({ record }) => was.copy(record))
        .filter((record) => record.subject === subject)
        .slice(0, limit),
  })),
];
