import type { SessionLimit, SessionRecord } from 'nest-sessions/store';
import type { ReferenceStore } from '../../support/reference-store.js';
import { hop, mutant, without } from './mutant.js';

const AS_MANY = 'lets as many in as the limit says, and no more';
const OLDEST = 'evicts the oldest, which leave a tombstone';
const SEVERAL = 'evicts several where the limit was lowered';
const ALL = 'ends all above the limit, however many, each told by one call';
const BY_ITSELF = 'evicts by itself what is above the limit, and only that, if it offers evict';
const BEGAN =
  'takes the session with the lowest createdAt for the oldest, not the one that was created first';
const SAME_TIME = 'keeps the newcomer where others began at the very same time';
const ANEW = 'takes the createdAt that a re-login wrote for the age of a session';
const REJECTS = 'rejects the newcomer, writes nothing and holds no place for it';
const NOT_REPLACED = 'evicts others than the session that is replaced';
const ENDED = 'does not count what has ended';
const EXPIRED = 'does not count what came in under the limit and has expired';
const TWENTY = 'lets 20 logins at once leave 3';
const THREE = 'lets 3 of 20 in at once where the rest is rejected';

type Break = Parameters<typeof mutant>[3];
type CreateResult = Awaited<ReturnType<ReferenceStore['create']>>;

const limit =
  (change: (limit: SessionLimit) => SessionLimit | undefined): Break =>
  (was) => ({
    create: (record, ttl, given, provedAt) => was.create(record, ttl, given && change(given), provedAt),
  });

const creating =
  (change: (created: CreateResult) => CreateResult): Break =>
  (was) => ({
    create: async (...all) => change(await was.create(...all)),
  });

/** Decides, lets others go first, and then does it. */
const racing =
  (onExceeded: SessionLimit['onExceeded']): Break =>
  (was, store) => ({
    create: async (record, ttl, given, provedAt) => {
      if (given?.onExceeded !== onExceeded) return was.create(record, ttl, given, provedAt);
      const surplus = store.surplus(record.subject!, given, 1);
      await hop();
      if (onExceeded === 'reject')
        return surplus.length > 0 ? { outcome: 'rejected' } : was.create(record, ttl);
      const created = await was.create(record, ttl);
      for (const { id } of surplus) store.remove(id, { reason: 'evicted', ttl: given.tombstoneTtl });
      return created.outcome === 'created' ? { ...created, evicted: surplus } : created;
    },
  });

export const limiting = [
  mutant(
    'create',
    'evicts where the limit is not reached',
    'evicts and rejects nobody below the limit',
    limit((given) => ({ ...given, max: 0 })),
  ),
  mutant(
    'create',
    'stores nothing where a limit is given',
    'evicts and rejects nobody below the limit',
    (was, store) => ({
      create: async (record, ttl, given, provedAt) => {
        const created = await was.create(record, ttl, given, provedAt);
        if (given) store.engine.entries.delete(record.id);
        return created;
      },
    }),
  ),
  mutant(
    'create',
    'lets one more in than the limit says',
    AS_MANY,
    limit((given) => ({ ...given, max: given.max + 1 })),
  ),
  mutant(
    'create',
    'lets one less in than the limit says',
    AS_MANY,
    limit((given) => ({ ...given, max: given.max - 1 })),
  ),
  mutant(
    'create',
    'does not heed the limit',
    [AS_MANY, OLDEST],
    limit(() => undefined),
  ),
  mutant(
    'create',
    'evicts where it should reject',
    AS_MANY,
    limit((given) => ({ ...given, onExceeded: 'evict-oldest' })),
  ),
  mutant(
    'create',
    'rejects where it should evict',
    OLDEST,
    limit((given) => ({ ...given, onExceeded: 'reject' })),
  ),
  mutant('create', 'leaves no word of those that it evicts', OLDEST, (was, store) => ({
    remove: (id, tombstone) =>
      was.remove(id, store.live(id) && tombstone?.reason === 'evicted' ? undefined : tombstone),
  })),
  mutant('create', 'leaves the word replaced of those that it evicts', OLDEST, (was) => ({
    leave: (id, { ttl }) => was.leave(id, { reason: 'replaced', ttl }),
  })),
  mutant(
    'create',
    'does not tell whom it evicted',
    OLDEST,
    creating((created) => ({ ...created, ...(created.outcome === 'created' && { evicted: [] }) })),
  ),
  mutant(
    'create',
    'tells the evicted without their subject',
    OLDEST,
    creating((created) =>
      created.outcome === 'created'
        ? { ...created, evicted: created.evicted.map((record) => without(record, 'subject')) }
        : created,
    ),
  ),
  mutant('create', 'lists those that it evicted', OLDEST, (was) => {
    const gone: SessionRecord[] = [];
    return {
      evictNow: (...all) => {
        const done = was.evictNow(...all);
        gone.push(...done.evicted);
        return done;
      },
      list: async (subject) => [...was.of(subject), ...gone.filter((record) => record.subject === subject)],
    };
  }),
  mutant('create', 'evicts one session only', SEVERAL, (was) => ({
    surplus: (...all) => was.surplus(...all).slice(0, 1),
  })),
  mutant('create', 'evicts all other sessions', SEVERAL, (was) => ({
    surplus: (subject, given, newcomers) =>
      was.surplus(subject, { ...given, max: Math.min(given.max, newcomers) }, newcomers),
  })),
  mutant(
    'create',
    'does not say that more are above the limit',
    ALL,
    creating((created) => without(created, 'more' as never)),
  ),
  mutant('evict', 'does not say that more are above the limit', ALL, (was) => ({
    evict: async (...all) => ({ ...(await was.evict(...all)), more: false }),
  })),
  mutant('evict', 'tells of sessions that the create told of', ALL, (was) => {
    const told: SessionRecord[] = [];
    return {
      create: async (...all) => {
        const created = await was.create(...all);
        if (created.outcome === 'created') told.push(...created.evicted);
        return created;
      },
      evict: async (...all) => {
        const done = await was.evict(...all);
        return { ...done, evicted: [...told, ...done.evicted] };
      },
    };
  }),
  mutant('evict', 'is missing although more are above the limit', ALL, () => ({ evict: undefined })),
  mutant('evict', 'counts a newcomer', [BY_ITSELF, ALL], (was) => ({
    evict: async (subject, given) => was.evictNow(subject, given, 1),
  })),
  mutant('evict', 'says that there are more where there are none', BY_ITSELF, (was) => ({
    evict: async (...all) => ({ ...(await was.evict(...all)), more: true }),
  })),
  mutant('evict', 'leaves no word', BY_ITSELF, (was, store) => ({
    evict: async (subject, given) => {
      const done = await was.evict(subject, given);
      for (const { id } of done.evicted) store.engine.words.delete(id);
      return done;
    },
  })),
  mutant('evict', 'ends nothing', BY_ITSELF, () => ({ evict: async () => ({ evicted: [], more: false }) })),
  mutant('evict', 'ends the youngest', BY_ITSELF, (was, store) => ({
    evict: async (subject, given) => {
      const evicted = was.of(subject).slice(given.max);
      for (const { id } of evicted) store.remove(id, { reason: 'evicted', ttl: given.tombstoneTtl });
      return { evicted, more: false };
    },
  })),
  mutant(
    'create',
    'keeps the word of an evicted session for ever',
    'forgets the tombstone of an evicted session when its ttl is over',
    limit((given) => ({ ...given, tombstoneTtl: Infinity })),
  ),
  mutant(
    'create',
    'throws for a tombstoneTtl with a fraction',
    'forgets the tombstone of an evicted session when its ttl is over',
    limit((given) => {
      if (!Number.isInteger(given.tombstoneTtl)) throw new Error('value is not an integer');
      return given;
    }),
  ),
  mutant('create', 'counts as oldest what was created first', BEGAN, (was) => ({
    surplus: (subject, given, newcomers) => {
      const others = was.counted(subject, given);
      return others.slice(0, Math.max(0, others.length + newcomers - given.max));
    },
  })),
  mutant('create', 'evicts the youngest', [OLDEST, BEGAN], (was) => ({
    surplus: (subject, given, newcomers) => {
      const others = was.counted(subject, given).sort((a, b) => b.startedAt - a.startedAt);
      return others.slice(0, Math.max(0, others.length + newcomers - given.max));
    },
  })),
  mutant('create', 'counts as oldest what was not used for longest', ANEW, (was) => ({
    surplus: (subject, given, newcomers) => {
      const others = was
        .counted(subject, given)
        .sort((a, b) => a.lastSeenAt - b.lastSeenAt || a.rotatedAt - b.rotatedAt);
      return others.slice(0, Math.max(0, others.length + newcomers - given.max));
    },
  })),
  mutant('create', 'evicts the newcomer among those of the same time', SAME_TIME, (was, store) => ({
    create: async (record, ttl, given, provedAt) => {
      const rival = given && was.of(record.subject!).find(({ startedAt }) => startedAt === record.startedAt);
      const created = await was.create(
        record,
        ttl,
        rival ? { ...given, max: given.max + 1 } : given,
        provedAt,
      );
      if (rival && given && was.of(record.subject!).length > given.max) store.remove(record.id);
      return created;
    },
  })),
  mutant('create', 'goes by when a session began first', ANEW, (was) => {
    const began = new Map<string, number>();
    return {
      create: (record, ...rest) => {
        began.set(record.id, record.startedAt);
        return was.create(record, ...rest);
      },
      surplus: (subject, given, newcomers) => {
        const others = was.counted(subject, given).sort((a, b) => began.get(a.id)! - began.get(b.id)!);
        return others.slice(0, Math.max(0, others.length + newcomers - given.max));
      },
    };
  }),
  mutant('create', 'stores what it rejects', REJECTS, (was, store) => ({
    create: async (record, ttl, ...rest) => {
      const created = await was.create(record, ttl, ...rest);
      if (created.outcome === 'rejected') store.put(record, was.now() + ttl);
      return created;
    },
  })),
  mutant('create', 'holds a place for what it rejects', REJECTS, (was) => {
    const held = new Map<string, number>();
    return {
      create: async (record, ttl, given, provedAt) => {
        const subject = record.subject ?? '';
        const created = await was.create(
          record,
          ttl,
          given && { ...given, max: given.max - (held.get(subject) ?? 0) },
          provedAt,
        );
        if (created.outcome === 'rejected') held.set(subject, (held.get(subject) ?? 0) + 1);
        return created;
      },
    };
  }),
  mutant('create', 'evicts although it rejects', REJECTS, (was, store) => ({
    create: async (record, ttl, given, provedAt) => {
      const created = await was.create(record, ttl, given, provedAt);
      if (created.outcome === 'rejected') store.evictNow(record.subject!, given!, 1);
      return created;
    },
  })),
  ...(['evict-oldest', 'reject'] as const).map((onExceeded) =>
    mutant(
      'create',
      `counts the session that is replaced (${onExceeded})`,
      `does not count the session that is replaced (${onExceeded})`,
      limit((given) => (given.onExceeded === onExceeded ? without(given, 'replaces') : given)),
    ),
  ),
  mutant('create', 'evicts the session that is replaced first', NOT_REPLACED, (was, store) => ({
    counted: (subject, given) =>
      was
        .counted(subject, given)
        .sort((a, b) => Number(b.id === given.replaces) - Number(a.id === given.replaces)),
    surplus: (subject, given, newcomers) => {
      const surplus = was.surplus(subject, given, newcomers);
      const replaced = store.live(given.replaces ?? '');
      return replaced && surplus.length > 0 ? [replaced, ...surplus.slice(1)] : surplus;
    },
  })),
  mutant('create', 'evicts the session that is replaced as well', NOT_REPLACED, (was, store) => ({
    surplus: (subject, given, newcomers) => {
      const surplus = was.surplus(subject, given, newcomers);
      const replaced = store.live(given.replaces ?? '');
      return replaced && surplus.length > 0 ? [...surplus, replaced] : surplus;
    },
  })),
  mutant(
    'create',
    'allows one more where a session is replaced',
    'counts a session that is replaced unless it is the subject’s',
    limit((given) => (given.replaces === undefined ? given : { ...given, max: given.max + 1 })),
  ),
  mutant('create', 'counts what left a word', ENDED, (was, store) => {
    const ended: SessionRecord[] = [];
    return {
      remove: (id, tombstone) => {
        const record = was.remove(id, tombstone);
        if (record && tombstone) ended.push(record);
        return record;
      },
      counted: (subject, given) => [
        ...ended.filter((record) => record.subject === subject && store.word(record.id)),
        ...was.counted(subject, given),
      ],
    };
  }),
  mutant('create', 'counts what expired by a commit', ENDED, (was) => {
    const expired: SessionRecord[] = [];
    return {
      commit: async (id, delta) => {
        const record = was.live(id);
        if (record && delta.ttl !== undefined && delta.ttl <= 0) expired.push(record);
        return was.commit(id, delta);
      },
      counted: (subject, given) => [
        ...expired.filter((record) => record.subject === subject),
        ...was.counted(subject, given),
      ],
    };
  }),
  mutant('create', 'counts what has expired', EXPIRED, (was, store) => ({
    counted: (subject, given) =>
      [...store.engine.entries.values()]
        .map(({ record }) => record)
        .filter((record) => record.subject === subject && record.id !== given.replaces),
  })),
  mutant('create', 'holds the place of a session for a while', EXPIRED, (was) => {
    const places = new Map<string, string[]>();
    return {
      create: async (record, ttl, given, provedAt) => {
        const held = places.get(record.subject ?? '') ?? [];
        if (given && held.length >= given.max) return { outcome: 'rejected' };
        const created = await was.create(record, ttl, given, provedAt);
        if (given) places.set(record.subject ?? '', [...held, record.id]);
        return created;
      },
    };
  }),
  mutant('create', 'counts the sessions of everybody', 'limits no other subject', (was, store) => ({
    counted: () =>
      [...store.engine.entries.keys()].map((id) => store.live(id)).filter((record) => record !== undefined),
  })),
  mutant('create', 'counts first and evicts later', TWENTY, racing('evict-oldest')),
  mutant('create', 'counts first and inserts later', THREE, racing('reject')),
];
