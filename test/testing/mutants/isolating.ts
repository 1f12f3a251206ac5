import type { SessionRecord } from 'nest-sessions/store';
import { mutant } from './mutant.js';

const GIVEN_UNCHANGED = 'changes no record or delta that it was given';

/** A create that stores what it was given itself. */
const aliased = { copy: <T>(value: T): T => value };

export const isolating = [
  mutant(
    'create',
    'stores the record that it was given itself',
    'keeps a session apart from the record that was given to create',
    (was) => ({
      create: async (record, ttl, ...rest) => {
        const created = await was.create(record, ttl, ...rest);
        if (created.outcome === 'created') was.put(record, was.now() + ttl);
        return created;
      },
    }),
  ),
  mutant(
    'create',
    'stores the data that it was given itself',
    'keeps a session apart from the record that was given to create',
    (was) => ({
      create: async (record, ttl, ...rest) => {
        const created = await was.create(record, ttl, ...rest);
        if (created.outcome === 'created') was.put({ ...record }, was.now() + ttl);
        return created;
      },
    }),
  ),
  mutant(
    'load',
    'returns the record that is stored itself',
    'keeps a session apart from the record that load returned',
    (was) => ({
      load: async (id) => {
        const record = was.live(id);
        return record ? { record, time: was.now() } : was.load(id);
      },
    }),
  ),
  mutant(
    'load',
    'returns a copy of the record with the data that is stored itself',
    'keeps a session apart from the record that load returned',
    (was) => ({
      load: async (id) => {
        const record = was.live(id);
        return record ? { record: { ...record }, time: was.now() } : was.load(id);
      },
    }),
  ),
  mutant(
    'list',
    'returns the records that are stored themselves',
    'keeps a session apart from the records that list returned',
    (was) => ({
      list: async (subject, limit) => was.of(subject).slice(0, limit),
    }),
  ),
  mutant(
    'commit',
    'stores factors, device and predecessors of a delta themselves',
    'keeps a session apart from the deltas that were given to commit',
    (was) => ({
      commit: async (id, delta) => {
        const done = await was.commit(id, delta);
        const entry = was.entry(id);
        const previous = delta.rotate?.previous ?? delta.confirm?.previous;
        if (entry && done.outcome === 'saved')
          was.put({ ...entry.record, ...delta.head, ...(previous && { previous }) }, entry.expires);
        return done;
      },
    }),
  ),
  mutant(
    'commit',
    'stores the earlier predecessors of a delta themselves',
    'keeps a session apart from the deltas that were given to commit',
    (was) => ({
      commit: async (id, delta) => {
        const done = await was.commit(id, delta);
        const entry = was.entry(id);
        const earlier = delta.confirm?.previous.earlier;
        if (entry && earlier)
          was.put({ ...entry.record, previous: { ...entry.record.previous!, earlier } }, entry.expires);
        return done;
      },
    }),
  ),
  mutant('commit', 'changes the record that was given to create', GIVEN_UNCHANGED, (was) => ({
    ...aliased,
    apply: (record, delta) => Object.assign(record, was.apply(record, delta)),
  })),
  mutant('commit', 'deletes from a delta what it has done', GIVEN_UNCHANGED, (was) => ({
    commit: async (id, delta) => {
      const done = await was.commit(id, delta);
      delta.remove?.splice(0);
      return done;
    },
  })),
  mutant('create', 'takes the data out of the record that it was given', GIVEN_UNCHANGED, (was) => ({
    create: async (record, ...rest) => {
      const created = await was.create(record, ...rest);
      Object.assign(record, { data: {} } satisfies Partial<SessionRecord>);
      return created;
    },
  })),
  mutant(
    'commit',
    'changes the record that was returned before',
    'changes no record that it returned before',
    (was) => ({
      copy: <T>(value: T): T => value,
      apply: (record, delta) => Object.assign(record, was.apply(record, delta)),
    }),
  ),
];
