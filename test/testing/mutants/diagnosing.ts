import { mutant } from './mutant.js';

const REMEDY = 'names each problem of its server with a remedy, if it looks for problems';
const CHANGES = 'changes nothing as it looks for problems';
const ONCE = 'are told once, with their times, if they are told';
const NONE = 'are none that live on or were ended';

export const diagnosing = [
  mutant('diagnose', 'returns nothing', REMEDY, () => ({ diagnose: async () => undefined as never })),
  mutant('diagnose', 'throws although the server responds', REMEDY, () => ({
    diagnose: () => Promise.reject(new Error('not implemented')),
  })),
  mutant('diagnose', 'returns texts', REMEDY, () => ({
    diagnose: async () => ['it evicts'] as never,
  })),
  mutant('diagnose', 'leaves out the remedy', REMEDY, () => ({
    diagnose: async () => [{ problem: 'it evicts.' }] as never,
  })),
  mutant('diagnose', 'has an empty remedy', REMEDY, () => ({
    diagnose: async () => [{ problem: 'it evicts.', remedy: '' }],
  })),
  mutant('diagnose', 'empties the store', CHANGES, (_was, store) => ({
    diagnose: async () => {
      store.engine.entries.clear();
      return [];
    },
  })),
  mutant('diagnose', 'leaves a mark on each session', CHANGES, (_was, store) => ({
    diagnose: async () => {
      for (const entry of store.engine.entries.values())
        entry.record = { ...entry.record, data: { ...entry.record.data, probe: '1' } };
      return [];
    },
  })),
  mutant('bind', 'tells of an expired session whenever it comes across it', ONCE, (_was, store) => ({
    tellExpired: ({ record }) => store.tell(record),
  })),
  mutant('bind', 'tells of an expired session without its subject', ONCE, (was) => ({
    tell: ({ subject: _subject, ...record }) => was.tell(record),
  })),
  mutant('bind', 'tells the times of an expired session in seconds', ONCE, (was) => ({
    tell: (record) => was.tell({ ...record, startedAt: record.startedAt / 1000 }),
  })),
  mutant('bind', 'tells of a session that was ended as expired', NONE, (was, store) => ({
    remove: (id, tombstone) => {
      const record = was.remove(id, tombstone);
      if (record && !tombstone) store.tell(record);
      return record;
    },
  })),
  mutant('bind', 'tells of a session whose tombstone is over as expired', NONE, (was, store) => ({
    word: (id) => {
      const found = store.engine.words.get(id);
      if (found && found.expires <= store.now())
        store.expired?.({ id, startedAt: 0, lastSeenAt: 0, remember: false });
      return was.word(id);
    },
  })),
  mutant('bind', 'tells of a session that is listed as expired', NONE, (was, store) => ({
    list: async (subject, limit) => {
      const records = await was.list(subject, limit);
      for (const record of records) store.tell(record);
      return records;
    },
  })),
];
