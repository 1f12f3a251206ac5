import type { SessionRecord } from 'nest-sessions/store';
import type { Entry, ReferenceStore } from '../../support/reference-store.js';
import { hop, mutant } from './mutant.js';

const DESTROY_STANDS = 'load, destroy, commit: the destroy stands';
const FORMER_EPOCH = 'load, re-login, commit: the former epoch neither writes nor comes back';
const ROLL = 'destroy during a roll: nothing is left';
const WRITE =
  'destroy without a tombstone during a write: what was saved is in the record that the destroy returns';
const WRITE_WORD =
  'destroy with a tombstone during a write: what was saved is in the record that the destroy returns';
const KEYS = 'two writers of different keys: both survive';
const FIFTY = '50 writers of one key, by compare and retry: each counts once';
const ROTATIONS = 'parallel rotations: one wins';
const CONFIRMATION = 'a confirmation beside a rotation: the rotation is what is remembered';
const RELOGIN = 'a write beside a re-login: all of it is there, or it was refused';

type Delta = Parameters<ReferenceStore['commit']>[1];

/** Reads, lets others go first, and writes back the whole record. */
const slowly =
  (where: (delta: Delta) => boolean = () => true): Parameters<typeof mutant>[3] =>
  (was, store) => ({
    commit: async (id, delta) => {
      if (!where(delta)) return was.commit(id, delta);
      const entry = store.entry(id);
      await hop();
      if (!entry || !was.mayCommit(entry.record, delta)) return { outcome: 'gone' };
      if (was.conflicts(entry.record, delta)) return { outcome: 'conflict' };
      const next = was.apply(entry.record, was.copy(delta));
      store.put(next, was.expiryAfter(entry, delta));
      return { outcome: 'saved', revision: next.revision };
    },
  });

/** Keeps what was loaded, and writes to that. */
const cached =
  (where: (cached: SessionRecord, store: ReferenceStore) => boolean): Parameters<typeof mutant>[3] =>
  (was, store) => {
    const loaded = new Map<string, Entry>();
    return {
      load: (id) => {
        const entry = store.entry(id);
        if (entry && !loaded.has(id)) loaded.set(id, { ...entry });
        return was.load(id);
      },
      commit: async (id, delta) => {
        const before = loaded.get(id);
        if (before && where(before.record, store)) store.engine.entries.set(id, before);
        return was.commit(id, delta);
      },
    };
  };

/** Destroys, lets others go first, and returns what was there before. */
const destroysSlowly =
  (withWord: boolean): Parameters<typeof mutant>[3] =>
  (was, store) => ({
    destroy: async (id, word) => {
      if ((word !== undefined) !== withWord) return was.destroy(id, word);
      const record = store.live(id);
      await hop();
      return (await was.destroy(id, word)) && record;
    },
    commit: async (id, delta) => {
      await Promise.resolve();
      return was.commit(id, delta);
    },
  });

export const racing = [
  mutant(
    'commit',
    'writes back what was loaded before the destroy',
    DESTROY_STANDS,
    cached(({ id }, store) => !store.live(id)),
  ),
  mutant(
    'commit',
    'writes back what was loaded before a re-login',
    FORMER_EPOCH,
    cached(({ id, secretHash }, store) => store.live(id)?.secretHash !== secretHash),
  ),
  mutant(
    'commit',
    'rolls by writing back the whole record',
    ROLL,
    slowly(({ set }) => !set),
  ),
  mutant('commit', 'writes back the whole record', [KEYS, FIFTY], slowly()),
  mutant(
    'commit',
    'writes back the whole record where nothing is compared',
    KEYS,
    slowly(({ revision }) => revision === undefined),
  ),
  mutant(
    'commit',
    'compares the revision and writes later',
    FIFTY,
    slowly(({ revision }) => revision !== undefined),
  ),
  mutant(
    'commit',
    'compares the secret and rotates later',
    ROTATIONS,
    slowly(({ rotate }) => rotate !== undefined),
  ),
  mutant(
    'commit',
    'compares the secret and confirms later',
    CONFIRMATION,
    slowly(({ confirm }) => confirm !== undefined),
  ),
  mutant(
    'commit',
    'compares the epoch and writes data later',
    RELOGIN,
    slowly(({ set }) => set !== undefined),
  ),
  mutant('destroy', 'returns what was there before the last write', WRITE, destroysSlowly(false)),
  mutant(
    'destroy',
    'returns what was there before the last write where it leaves a word',
    WRITE_WORD,
    destroysSlowly(true),
  ),
  mutant(
    'commit',
    'writes to what is being destroyed',
    [WRITE, WRITE_WORD],
    slowly(({ set }) => set !== undefined),
  ),
  mutant('commit', 'says saved of what is being destroyed', [WRITE, WRITE_WORD], (was, store) => ({
    commit: async (id, delta) => {
      const there = store.live(id) !== undefined;
      await hop();
      const done = await was.commit(id, delta);
      return there && done.outcome === 'gone' ? { outcome: 'saved', revision: 1 } : done;
    },
  })),
  mutant('commit', 'says conflict to a confirmation beside a rotation', CONFIRMATION, (was, store) => {
    const rotating = new Set<string>();
    return {
      commit: async (id, delta) => {
        if (delta.rotate) rotating.add(id);
        await hop();
        if (delta.confirm && rotating.has(id) && store.live(id)) return { outcome: 'conflict' };
        return was.commit(id, delta);
      },
    };
  }),
];
