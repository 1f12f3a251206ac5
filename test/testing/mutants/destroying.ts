import type { SessionRecord } from 'nest-sessions';
import type { Entry } from '../../support/reference-store.js';
import { hop, mutant } from './mutant.js';

const LAST = 'returns the record as it was last, once';
const REPLACED = 'leaves the word replaced for those that come late';
const EVICTED = 'leaves the word evicted for those that come late';
const FIRST_WORD = 'keeps the first word where another is left for the same session';
const LINGER = 'takes a linger with a fraction, and one of more than 2^31 - 1 milliseconds';

export const destroying = [
  mutant('destroy', 'returns nothing', LAST, (was) => ({
    destroy: async (id, word) => void (await was.destroy(id, word)),
  })),
  mutant('destroy', 'returns the record as it was created', LAST, (was) => {
    const created = new Map<string, SessionRecord>();
    return {
      create: (record, ...rest) => {
        created.set(record.id, record);
        return was.create(record, ...rest);
      },
      destroy: async (id, word) => (await was.destroy(id, word)) && created.get(id),
    };
  }),
  mutant('destroy', 'returns the record without its data', LAST, (was) => ({
    destroy: async (id, word) => {
      const last = await was.destroy(id, word);
      return last && { ...last, data: {} };
    },
  })),
  mutant('destroy', 'returns the record each time', LAST, (was, store) => ({
    destroy: async (id, word) => {
      const record = store.engine.entries.get(id)?.record;
      await was.destroy(id, word);
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
        destroy: async (id, word) => {
          const last = await was.destroy(id, word);
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
        destroy: async (id, word) => {
          const last = await was.destroy(id, word);
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
      destroy: async (id, word) => {
        const record = store.live(id);
        await hop();
        return (await was.destroy(id, word)) ?? record;
      },
    }),
  ),
  mutant('destroy', 'leaves the word evicted in any case', REPLACED, (was) => ({
    leave: (id, { linger }) => was.leave(id, { epitaph: 'evicted', linger }),
  })),
  mutant('destroy', 'leaves the word replaced in any case', EVICTED, (was) => ({
    leave: (id, { linger }) => was.leave(id, { epitaph: 'replaced', linger }),
  })),
  mutant('destroy', 'leaves no word', [REPLACED, EVICTED], () => ({ leave: () => undefined })),
  mutant('destroy', 'removes the word at the next destroy', [REPLACED, EVICTED], (was, store) => ({
    destroy: async (id, word) => {
      store.engine.words.delete(id);
      return was.destroy(id, word);
    },
  })),
  mutant('destroy', 'lists a session that left a word', [REPLACED, EVICTED], (was, store) => {
    const departed: SessionRecord[] = [];
    return {
      remove: (id, word) => {
        const record = was.remove(id, word);
        if (record && word) departed.push(record);
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
      remove: (id, word) => {
        const entry = store.entry(id);
        if (entry) ended.set(id, entry);
        return was.remove(id, word);
      },
      commit: async (id, delta) => {
        const entry = store.word(id) && ended.get(id);
        if (entry) store.engine.entries.set(id, entry);
        return was.commit(id, delta);
      },
    };
  }),
  mutant('destroy', 'overwrites a word with another', FIRST_WORD, (was, store) => ({
    destroy: async (id, word) => {
      if (word && store.word(id)) store.leave(id, word);
      return was.destroy(id, word);
    },
  })),
  mutant('destroy', 'takes the linger of another word for the first one', FIRST_WORD, (was, store) => ({
    destroy: async (id, word) => {
      const first = store.word(id);
      if (word && first) store.leave(id, { epitaph: first.epitaph, linger: word.linger });
      return was.destroy(id, word);
    },
  })),
  mutant(
    'destroy',
    'leaves a word later of a session that ended without one',
    'leaves no word of a session that ended without one',
    (was, store) => {
      const ended = new Set<string>();
      return {
        destroy: async (id, word) => {
          if (word && ended.has(id)) store.leave(id, word);
          ended.add(id);
          return was.destroy(id, word);
        },
      };
    },
  ),
  mutant(
    'destroy',
    'leaves a word for whatever id it is given',
    'leaves no word of a session that it did not have',
    (was, store) => ({
      destroy: async (id, word) => {
        const last = await was.destroy(id, word);
        if (word && !store.word(id)) store.leave(id, word);
        return last;
      },
    }),
  ),
  mutant('destroy', 'takes a linger of 0 for none', 'leaves no word whose linger is zero or less', (was) => ({
    leave: (id, { epitaph, linger }) => was.leave(id, { epitaph, linger: linger || Infinity }),
  })),
  mutant(
    'destroy',
    'throws for a linger that is not positive',
    'leaves no word whose linger is zero or less',
    (was) => ({
      destroy: async (id, word) => {
        if (word && word.linger <= 0) throw new Error('invalid expire time');
        return was.destroy(id, word);
      },
    }),
  ),
  mutant('destroy', 'keeps words for ever', 'forgets the word in time', (was) => ({
    leave: (id, { epitaph, linger }) => was.leave(id, { epitaph, linger: linger > 0 ? Infinity : linger }),
  })),
  mutant(
    'destroy',
    'keeps a word for as long as the session had',
    'forgets the word in time',
    (was, store) => ({
      destroy: async (id, word) => {
        const entry = store.entry(id);
        const last = await was.destroy(id, word);
        if (entry && word) store.engine.words.set(id, { epitaph: word.epitaph, expires: entry.expires });
        return last;
      },
    }),
  ),
  mutant('destroy', 'throws for a linger with a fraction', LINGER, (was) => ({
    destroy: async (id, word) => {
      if (word && !Number.isInteger(word.linger)) throw new Error('value is not an integer');
      return was.destroy(id, word);
    },
  })),
  mutant('destroy', 'keeps a linger in 32 bits', LINGER, (was) => ({
    leave: (id, { epitaph, linger }) => was.leave(id, { epitaph, linger: linger | 0 }),
  })),
];
