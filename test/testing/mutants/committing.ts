import {
  applying,
  assigned,
  committing as telling,
  cut,
  firstHundred,
  mapData,
  mutant,
  rewritten,
  without,
} from './mutant.js';

const BY_KEY = 'sets and removes by key, and leaves the other keys';
const SET_TEXTS = 'gives back each text that a commit set as it was';
const OTHER_TEXTS = 'gives back each text that a commit did not touch as it was';
const REMOVES = 'removes keys of any form';
const LONG = 'keeps a text of far more than 64 kB that a commit set, and one that it did not touch';
const MANY = 'keeps more than 100 keys that a commit set, and removes as many';
const HEAD = 'replaces the head field by field';
const REVISION = 'counts in the revision the commits that concern data, and no others';
const CONFLICT = 'writes nothing where the revision is another';
const EPOCH = 'refuses a delta of another epoch as gone, and writes nothing';
const TELLS_NOTHING = 'answers gone to a delta of another epoch, whatever its revision and secret';
const NEVER_CREATES = 'creates no session by a commit';
const OTHERS = 'changes no other session';
const IDENTITY = 'never changes id, subject and persistence';

const setting = (change: (set: Record<string, string>) => Record<string, string>) =>
  telling((delta) => (delta.set ? { ...delta, set: change(delta.set) } : delta));

const removing = (change: (remove: string[]) => string[]) =>
  telling((delta) => (delta.remove ? { ...delta, remove: change(delta.remove) } : delta));

/** Writes a part although the answer is that nothing was written. */
const writing =
  (outcome: 'conflict' | 'gone', part: 'head' | 'confirm' | 'set'): Parameters<typeof mutant>[3] =>
  (was, store) => ({
    commit: async (id, delta) => {
      const done = await was.commit(id, delta);
      const entry = store.entry(id);
      if (entry && done.outcome === outcome)
        store.put(was.apply(entry.record, { epoch: 0, [part]: delta[part] }), entry.expires);
      return done;
    },
  });

export const committing = [
  mutant(
    'commit',
    'replaces all data by what is set',
    BY_KEY,
    applying((next, before, { set }) => (set ? { ...next, data: set } : next)),
  ),
  mutant(
    'commit',
    'ignores what is to be removed',
    BY_KEY,
    removing(() => []),
  ),
  mutant(
    'commit',
    'leaves an empty text of what is removed',
    BY_KEY,
    applying((next, before, { remove }) => ({
      ...next,
      data: {
        ...next.data,
        ...Object.fromEntries((remove ?? []).filter((key) => key in before.data).map((key) => [key, 'null'])),
      },
    })),
  ),
  mutant(
    'commit',
    'throws where a key to be removed is not there',
    BY_KEY,
    telling((delta, record) => {
      if (delta.remove?.some((key) => !Object.hasOwn(record?.data ?? {}, key)))
        throw new Error('no such field');
      return delta;
    }),
  ),
  mutant(
    'commit',
    'sets only keys that are new',
    BY_KEY,
    applying((next, before) => ({ ...next, data: { ...next.data, ...before.data } })),
  ),
  mutant('commit', 'parses what is set and writes it again', SET_TEXTS, setting(rewritten)),
  mutant('commit', 'loses a set key that is called __proto__', SET_TEXTS, setting(assigned)),
  mutant(
    'commit',
    'takes set keys for fields of the record',
    SET_TEXTS,
    setting((set) => without(set, 'revision', 'data')),
  ),
  mutant(
    'commit',
    'parses all data and writes it again',
    OTHER_TEXTS,
    applying((next) => ({ ...next, data: rewritten(next.data) })),
  ),
  mutant(
    'commit',
    'loses a stored key that is called __proto__',
    OTHER_TEXTS,
    applying((next, before, { set }) => ({
      ...next,
      data: set && '__proto__' in set ? next.data : assigned(next.data),
    })),
  ),
  mutant(
    'commit',
    'loses stored keys that are no identifiers',
    OTHER_TEXTS,
    applying((next, before, { set }) => ({
      ...next,
      data: { ...mapData(next.data, (key, text) => (/^\w+$/.test(key) ? [key, text] : undefined)), ...set },
    })),
  ),
  mutant(
    'commit',
    'takes a key with a dot to be removed for a path',
    REMOVES,
    removing((keys) => keys.filter((key) => !key.includes('.'))),
  ),
  mutant(
    'commit',
    'does not remove a key that is called __proto__',
    REMOVES,
    removing((keys) => keys.filter((key) => key !== '__proto__')),
  ),
  mutant(
    'commit',
    'removes what begins with the key',
    REMOVES,
    applying((next, before, { remove }) => ({
      ...next,
      data: mapData(next.data, (key, text) =>
        remove?.some((gone) => key.startsWith(gone)) ? undefined : [key, text],
      ),
    })),
  ),
  mutant('commit', 'cuts set texts at 64 kB', LONG, setting(cut)),
  mutant(
    'commit',
    'cuts stored texts at 64 kB',
    LONG,
    applying((next, before, { set }) => ({ ...next, data: { ...cut(next.data), ...set } })),
  ),
  mutant('commit', 'sets the first 100 keys', MANY, setting(firstHundred)),
  mutant(
    'commit',
    'removes the first 100 keys',
    MANY,
    removing((keys) => keys.slice(0, 100)),
  ),
  mutant(
    'commit',
    'keeps the first 100 keys',
    MANY,
    applying((next) => ({ ...next, data: firstHundred(next.data) })),
  ),
  mutant(
    'commit',
    'adds factors to those that are there',
    HEAD,
    applying((next, { factors }) => ({ ...next, factors: { ...factors, ...next.factors } })),
  ),
  mutant(
    'commit',
    'merges the device',
    HEAD,
    applying((next, { device }) => ({ ...next, ...(device && { device: { ...device, ...next.device } }) })),
  ),
  mutant(
    'commit',
    'does not change where the lifetime starts',
    HEAD,
    applying((next, { startedAt }) => ({ ...next, startedAt })),
  ),
  mutant(
    'commit',
    'does not change when a session was rotated unless it rotates',
    HEAD,
    applying((next, { rotatedAt }, { rotate }) => (rotate ? next : { ...next, rotatedAt })),
  ),
  mutant(
    'commit',
    'loses what the head does not name',
    HEAD,
    applying((next, before, { head }) => (head ? { ...next, factors: {}, ...head } : next)),
  ),
  mutant(
    'commit',
    'rounds the times of the head',
    HEAD,
    applying((next) => ({ ...next, lastSeenAt: Math.round(next.lastSeenAt) })),
  ),
  mutant(
    'commit',
    'rounds the times of new factors',
    HEAD,
    applying((next, before, { head }) =>
      head?.factors
        ? {
            ...next,
            factors: Object.fromEntries(
              Object.entries(next.factors).map(([factor, at]) => [factor, Math.floor(at)]),
            ),
          }
        : next,
    ),
  ),
  mutant(
    'commit',
    'never lets a time go back',
    HEAD,
    applying((next, { rotatedAt }) => ({ ...next, rotatedAt: Math.max(rotatedAt, next.rotatedAt) })),
  ),
  mutant(
    'commit',
    'counts the revision at every commit',
    REVISION,
    applying((next, { revision }) => ({ ...next, revision: revision + 1 })),
  ),
  mutant(
    'commit',
    'counts no removal',
    REVISION,
    applying((next, { revision }, { set }) => ({ ...next, revision: set ? revision + 1 : revision })),
  ),
  mutant(
    'commit',
    'counts set and remove each',
    REVISION,
    applying((next, { revision }, { set, remove }) => ({
      ...next,
      revision: revision + (set ? 1 : 0) + (remove ? 1 : 0),
    })),
  ),
  mutant(
    'commit',
    'counts a confirmation in the revision',
    REVISION,
    applying((next, before, { confirm }) => ({ ...next, revision: next.revision + (confirm ? 1 : 0) })),
  ),
  mutant('commit', 'answers the former revision', REVISION, (was) => ({
    commit: async (id, delta) => {
      const done = await was.commit(id, delta);
      const counted = delta.set !== undefined || delta.remove !== undefined;
      return done.outcome === 'saved' && counted ? { ...done, revision: done.revision - 1 } : done;
    },
  })),
  mutant('commit', 'does not compare the revision', CONFLICT, (was) => ({
    conflicts: (record, { epoch, rotate }) => was.conflicts(record, { epoch, rotate }),
  })),
  mutant('commit', 'takes a later revision for the same', CONFLICT, (was) => ({
    conflicts: (record, delta) =>
      was.conflicts(
        record,
        delta.revision !== undefined && delta.revision > record.revision ? without(delta, 'revision') : delta,
      ),
  })),
  mutant('commit', 'takes an earlier revision for the same', CONFLICT, (was) => ({
    conflicts: (record, delta) =>
      was.conflicts(
        record,
        delta.revision !== undefined && delta.revision < record.revision ? without(delta, 'revision') : delta,
      ),
  })),
  mutant('commit', 'takes revision 0 for none', CONFLICT, (was) => ({
    conflicts: (record, delta) =>
      was.conflicts(record, delta.revision === 0 ? without(delta, 'revision') : delta),
  })),
  mutant('commit', 'writes the head at a conflict', CONFLICT, writing('conflict', 'head')),
  mutant('commit', 'writes data at a conflict', CONFLICT, writing('conflict', 'set')),
  mutant('commit', 'confirms at a conflict', CONFLICT, writing('conflict', 'confirm')),
  mutant('commit', 'lists the head of a conflict', CONFLICT, (was, store) => {
    const index = new Map<string, object>();
    return {
      commit: async (id, delta) => {
        index.set(id, { ...index.get(id), ...delta.head });
        return was.commit(id, delta);
      },
      list: async (subject) => store.of(subject).map((record) => ({ ...record, ...index.get(record.id) })),
    };
  }),
  mutant('commit', 'takes a conflict for gone', CONFLICT, (was) => ({
    commit: async (id, delta) => {
      const done = await was.commit(id, delta);
      return done.outcome === 'conflict' ? { outcome: 'gone' } : done;
    },
  })),
  mutant(
    'commit',
    'compares the revision only where data changes',
    'compares the revision where no data changes, too',
    (was) => ({
      conflicts: (record, delta) =>
        was.conflicts(record, (delta.set ?? delta.remove) ? delta : without(delta, 'revision')),
    }),
  ),
  mutant('commit', 'does not compare the epoch', EPOCH, () => ({ mayCommit: () => true })),
  mutant('commit', 'accepts a later epoch', EPOCH, () => ({
    mayCommit: ({ previous }, { epoch }) => epoch >= (previous?.epoch ?? 0),
  })),
  mutant('commit', 'accepts an earlier epoch', EPOCH, () => ({
    mayCommit: ({ previous }, { epoch }) => epoch <= (previous?.epoch ?? 0),
  })),
  mutant('commit', 'does not compare the epoch where the record has none', EPOCH, (was) => ({
    mayCommit: (record, delta) => record.previous?.epoch === undefined || was.mayCommit(record, delta),
  })),
  mutant('commit', 'does not compare the epoch of a session that was never rotated', EPOCH, (was) => ({
    mayCommit: (record, delta) => !record.previous || was.mayCommit(record, delta),
  })),
  mutant('commit', 'takes another epoch for a conflict', EPOCH, (was, store) => ({
    commit: async (id, delta) => {
      const done = await was.commit(id, delta);
      return done.outcome === 'gone' && store.live(id) ? { outcome: 'conflict' } : done;
    },
  })),
  mutant('commit', 'writes the head for a request of another epoch', EPOCH, writing('gone', 'head')),
  mutant('commit', 'confirms for a request of another epoch', EPOCH, writing('gone', 'confirm')),
  mutant('commit', 'compares the revision before the epoch', TELLS_NOTHING, (was, store) => ({
    commit: async (id, delta) => {
      const record = store.live(id);
      if (record && delta.revision !== undefined && delta.revision !== record.revision)
        return { outcome: 'conflict' };
      return was.commit(id, delta);
    },
  })),
  mutant('commit', 'compares the secret before the epoch', TELLS_NOTHING, (was, store) => ({
    commit: async (id, delta) => {
      const record = store.live(id);
      if (record && delta.rotate && delta.rotate.from !== record.secretHash) return { outcome: 'conflict' };
      return was.commit(id, delta);
    },
  })),
  mutant('commit', 'knows epoch 0 only', 'accepts a delta of the same epoch', () => ({
    mayCommit: (_, { epoch }) => epoch === 0,
  })),
  mutant('commit', 'accepts epoch 0 in any case', 'accepts a delta of the same epoch', (was) => ({
    mayCommit: (record, delta) => delta.epoch === 0 || was.mayCommit(record, delta),
  })),
  mutant('commit', 'creates what is missing', NEVER_CREATES, (was, store) => {
    const known = new Map<string, NonNullable<ReturnType<typeof was.live>>>();
    return {
      create: (record, ...rest) => {
        known.set(record.id, record);
        return was.create(record, ...rest);
      },
      commit: async (id, delta) => {
        const before = known.get(id);
        if (before && delta.ttl !== undefined && !store.live(id)) store.put(before, was.now() + delta.ttl);
        return was.commit(id, delta);
      },
    };
  }),
  mutant(
    'commit',
    'creates what is missing where it rotates, and says that it is gone',
    NEVER_CREATES,
    (was, store) => {
      const known = new Map<string, NonNullable<ReturnType<typeof was.live>>>();
      return {
        create: (record, ...rest) => {
          known.set(record.id, record);
          return was.create(record, ...rest);
        },
        commit: async (id, delta) => {
          const done = await was.commit(id, delta);
          const before = known.get(id);
          if (before && delta.rotate && done.outcome === 'gone') store.put(before, was.now() + 10_000);
          return done;
        },
      };
    },
  ),
  mutant('commit', 'writes the head of all sessions', OTHERS, (was, store) => ({
    commit: async (id, delta) => {
      for (const entry of store.engine.entries.values()) entry.record = { ...entry.record, ...delta.head };
      return was.commit(id, delta);
    },
  })),
  mutant('commit', 'sets data of all sessions', OTHERS, (was, store) => ({
    commit: async (id, delta) => {
      for (const entry of store.engine.entries.values())
        entry.record = { ...entry.record, data: { ...entry.record.data, ...delta.set } };
      return was.commit(id, delta);
    },
  })),
  mutant(
    'commit',
    'takes the key "subject" for that of the record',
    IDENTITY,
    applying((next, before, { set }) => ({ ...next, ...(set?.['subject'] && { subject: set['subject'] }) })),
  ),
  mutant(
    'commit',
    'forgets that a session is persistent',
    IDENTITY,
    applying((next) => ({ ...next, remember: false })),
  ),
];
