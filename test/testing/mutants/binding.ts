import { applying, hop, mutant, without } from './mutant.js';

const BINDS = 'binds a session to a key, and leaves everything else as it is';
const LISTS = 'lists the key of a session';
const NEVER_REPLACES = 'never replaces the key of a session';
const NOTHING = 'writes nothing of a commit whose key conflicts';
const ONCE = 'accepts each challenge once, and none that is older';
const BY_TIME = 'compares challenges by their time, not by their text';
const ONE_OF_MANY = 'binds to one of many keys that come at once';
const NOT_ENDED = 'binds no session that has ended or that another request has renewed';

export const binding = [
  mutant(
    'commit',
    'ignores keys',
    [BINDS, ONE_OF_MANY],
    applying((next, { extra }) => ({ ...without(next, 'extra'), ...(extra && { extra }) })),
  ),
  mutant(
    'commit',
    'drops the fields that it does not know where it binds',
    BINDS,
    applying((next, _, { key }) =>
      key && 'bind' in key ? { ...next, extra: { deviceKey: key.bind } } : next,
    ),
  ),
  mutant(
    'commit',
    'counts a key in the revision',
    BINDS,
    applying((next, _, { key }) => (key ? { ...next, revision: next.revision + 1 } : next)),
  ),
  mutant('list', 'lists no keys', LISTS, (was) => ({
    list: async (...args) => (await was.list(...args)).map((record) => without(record, 'extra')),
  })),
  mutant('commit', 'replaces a key', [NEVER_REPLACES, NOTHING], (was) => ({
    keyConflicts: (record, key) => (key && 'bind' in key ? false : was.keyConflicts(record, key)),
  })),
  mutant('commit', 'takes a key that is there for a conflict with itself', NEVER_REPLACES, (was) => ({
    keyConflicts: (record, key) =>
      key && 'bind' in key ? record.extra?.['deviceKey'] !== undefined : was.keyConflicts(record, key),
  })),
  mutant('commit', 'writes the data of a commit whose key conflicts', NOTHING, (was, store) => ({
    commit: async (id, delta) => {
      const done = await was.commit(id, delta);
      const entry = store.entry(id);
      if (entry && done.outcome === 'conflict' && delta.key)
        store.put(was.apply(entry.record, { epoch: 0, set: delta.set! }), entry.expires);
      return done;
    },
  })),
  mutant('commit', 'accepts a challenge twice', [ONCE, NOTHING], (was) => ({
    keyConflicts: ({ extra }, key) =>
      key && 'challenge' in key
        ? Number(extra?.['deviceChallenge'] ?? 0) > key.challenge
        : was.keyConflicts({ extra } as never, key),
  })),
  mutant('commit', 'accepts an older challenge', ONCE, (was) => ({
    keyConflicts: (record, key) =>
      key && 'challenge' in key
        ? record.extra?.['deviceChallenge'] === String(key.challenge)
        : was.keyConflicts(record, key),
  })),
  mutant('commit', 'compares challenges as texts', BY_TIME, (was) => ({
    keyConflicts: (record, key) =>
      key && 'challenge' in key
        ? (record.extra?.['deviceChallenge'] ?? '') >= String(key.challenge)
        : was.keyConflicts(record, key),
  })),
  mutant('commit', 'reads whether there is a key before it writes one', ONE_OF_MANY, (was, store) => ({
    commit: async (id, delta) => {
      const record = store.live(id);
      if (record && was.keyConflicts(record, delta.key)) return { outcome: 'conflict' };
      await hop();
      const { key } = delta;
      if (!key || !('bind' in key)) return was.commit(id, delta);
      const done = await was.commit(id, without(delta, 'key'));
      const entry = store.entry(id);
      if (entry && done.outcome === 'saved')
        store.put(was.apply(entry.record, { epoch: 0, key }), entry.expires);
      return done;
    },
  })),
  mutant('commit', 'binds whatever the epoch', NOT_ENDED, (was) => ({
    mayCommit: (record, delta) => delta.key !== undefined || was.mayCommit(record, delta),
  })),
];
