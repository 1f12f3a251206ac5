import type { SessionRecord } from 'nest-sessions/store';
import type { Entry } from '../../support/reference-store.js';
import { hop, mutant } from './mutant.js';

const LAST = 'returns the record as it was last, once';
const REPLACED = 'answers replaced after a destroy with that tombstone';
const EVICTED = 'answers evicted after a destroy with that tombstone';
const FIRST_TOMBSTONE = 'keeps the first tombstone where another is left for the same session';
const LINGER = 'takes a ttl with a fraction, and one of more than 2^31 - 1 milliseconds';

export const destroying = [
  mutant('destroy', 'returns nothing', LAST, (was) => ({
    destroy: async (id, tombstone) => void (await was.destroy(id, tombstone)),
  })),
  mutant('destroy', 'returns the record as it was created', LAST, (was) => {
    const created = new Map<string, SessionRecord>();
    return {
      create: (record, ...rest) => {
        created.set(record.id, record);
        return was.create(record, ...rest);
      },
      destroy: async (id, tombstone) => (await was.destroy(id, tombstone)) && created.get(id),
    };
  }),
  mutant('destroy', 'returns the record without its data', LAST, (was) => ({
    destroy: async (id, tombstone) => {
      const last = await was.destroy(id, tombstone);
      return last && { ...last, data: {} };
    },
  })),
  mutant('destroy', 'returns the record each time', LAST, (was, store) => ({
    destroy: async (id, tombstone) => {
      const record = store.engine.entries.get(id)?.record;
      await was.destroy(id, tombstone);
      if (record) store.put(record, -Infinity);
      return record;
    },
  })),
  mutant('destroy', 'leaves the session there', LAST, (was, store) => ({
    remove: (id) => store.live(id),
  })),
  mutant(
    'destroy',
    'leaves the session in the list',
    'takes the session out of the list of its subject',
    (was, store) => {
      const ended: SessionRecord[] = [];
      return {
        destroy: async (id, tombstone) => {
          const last = await was.destroy(id, tombstone);
          if (last) ended.push(last);
          return last;
        },
        list: async (subject) => [
          ...store.of(subject),
          ...ended.filter((record) => record.subject === subject),
        ],
      };
    },
  ),
  mutant(
    'destroy',
    'empties the list of the subject',
    'takes the session out of the list of its subject',
    (was) => {
      const emptied = new Set<string | undefined>();
      return {
        destroy: async (id, tombstone) => {
          const last = await was.destroy(id, tombstone);
          emptied.add(last?.subject);
          return last;
        },
        of: (subject) => (emptied.has(subject) ? [] : was.of(subject)),
      };
    },
  ),
  mutant(
    'destroy',
    'gives the record to all that ask at the same time',
    'gives the record to one of many that destroy it',
    (was, store) => ({
      destroy: async (id, tombstone) => {
        const record = store.live(id);
        await hop();
        return (await was.destroy(id, tombstone)) ?? record;
      },
    }),
  ),
  mutant('destroy', 'leaves the word evicted in any case', REPLACED, (was) => ({
    leave: (id, { ttl }) => was.leave(id, { reason: 'evicted', ttl }),
  })),
  mutant('destroy', 'leaves the word replaced in any case', EVICTED, (was) => ({
    leave: (id, { ttl }) => was.leave(id, { reason: 'replaced', ttl }),
  })),
  mutant('destroy', 'leaves no word', [REPLACED, EVICTED], () => ({ leave: () => undefined })),
  mutant('destroy', 'removes the word at the next destroy', [REPLACED, EVICTED], (was, store) => ({
    destroy: async (id, tombstone) => {
      store.engine.words.delete(id);
      return was.destroy(id, tombstone);
    },
  })),
  mutant('destroy', 'lists a session that left a word', [REPLACED, EVICTED], (was, store) => {
    const departed: SessionRecord[] = [];
    return {
      remove: (id, tombstone) => {
        const record = was.remove(id, tombstone);
        if (record && tombstone) departed.push(record);
        return record;
      },
      of: (subject) => [
        ...was.of(subject),
        ...departed.filter((record) => record.subject === subject && store.word(record.id)),
      ],
    };
  }),
  mutant('commit', 'brings back a session that left a word', [REPLACED, EVICTED], (was, store) => {
    const ended = new Map<string, Entry>();
    return {
      remove: (id, tombstone) => {
        const entry = store.entry(id);
        if (entry) ended.set(id, entry);
        return was.remove(id, tombstone);
      },
      commit: async (id, delta) => {
        const entry = store.word(id) && ended.get(id);
        if (entry) store.engine.entries.set(id, entry);
        return was.commit(id, delta);
      },
    };
  }),
  mutant('destroy', 'overwrites a word with another', FIRST_TOMBSTONE, (was, store) => ({
    destroy: async (id, tombstone) => {
      if (tombstone && store.word(id)) store.leave(id, tombstone);
      return was.destroy(id, tombstone);
    },
  })),
  mutant(
    'destroy',
    'takes the tombstoneTtl of another word for the first one',
    FIRST_TOMBSTONE,
    (was, store) => ({
      destroy: async (id, tombstone) => {
        const first = store.word(id);
        if (tombstone && first) store.leave(id, { reason: first.reason, ttl: tombstone.ttl });
        return was.destroy(id, tombstone);
      },
    }),
  ),
  mutant(
    'destroy',
    'leaves a word later of a session that ended without one',
    'leaves no tombstone of a session that was destroyed without one',
    (was, store) => {
      const ended = new Set<string>();
      return {
        destroy: async (id, tombstone) => {
          if (tombstone && ended.has(id)) store.leave(id, tombstone);
          ended.add(id);
          return was.destroy(id, tombstone);
        },
      };
    },
  ),
  mutant(
    'destroy',
    'leaves a word for whatever id it is given',
    'leaves no tombstone of a session that does not exist',
    (was, store) => ({
      destroy: async (id, tombstone) => {
        const last = await was.destroy(id, tombstone);
        if (tombstone && !store.word(id)) store.leave(id, tombstone);
        return last;
      },
    }),
  ),
  mutant('destroy', 'takes a ttl of 0 for none', 'leaves no tombstone whose ttl is zero or less', (was) => ({
    leave: (id, { reason, ttl }) => was.leave(id, { reason, ttl: ttl || Infinity }),
  })),
  mutant(
    'destroy',
    'throws for a ttl that is not positive',
    'leaves no tombstone whose ttl is zero or less',
    (was) => ({
      destroy: async (id, tombstone) => {
        if (tombstone && tombstone.ttl <= 0) throw new Error('invalid expire time');
        return was.destroy(id, tombstone);
      },
    }),
  ),
  mutant('destroy', 'keeps words for ever', 'forgets a tombstone when its ttl is over', (was) => ({
    leave: (id, { reason, ttl }) => was.leave(id, { reason, ttl: ttl > 0 ? Infinity : ttl }),
  })),
  mutant(
    'destroy',
    'keeps a word for as long as the session had',
    'forgets a tombstone when its ttl is over',
    (was, store) => ({
      destroy: async (id, tombstone) => {
        const entry = store.entry(id);
        const last = await was.destroy(id, tombstone);
        if (entry && tombstone)
          store.engine.words.set(id, { reason: tombstone.reason, expires: entry.expires });
        return last;
      },
    }),
  ),
  mutant('destroy', 'throws for a ttl with a fraction', LINGER, (was) => ({
    destroy: async (id, tombstone) => {
      if (tombstone && !Number.isInteger(tombstone.ttl)) throw new Error('value is not an integer');
      return was.destroy(id, tombstone);
    },
  })),
  mutant('destroy', 'keeps a ttl in 32 bits', LINGER, (was) => ({
    leave: (id, { reason, ttl }) => was.leave(id, { reason, ttl: ttl | 0 }),
  })),
];
