import type { RecordDelta } from 'nest-sessions/store';
import { applying, committing as telling, mapData, mutant, rewritten, without } from './mutant.js';

const PUTS = 'puts the new secret in place, and remembers every field of the predecessor';
const REPLACES = 'replaces what the record knew of predecessors, and keeps no field of it';
const REMEMBERS = 'remembers the predecessor through later commits';
const SAME_COMMIT = 'sets, removes and replaces the head in the same commit';
const EARLIER =
  'accepts commits of requests with earlier secrets, after any number of rotations of the same epoch';
const FORMER_EPOCH = 'refuses requests of the former epoch after a re-login or regenerate';
const HANDED_ON = 'keeps the epoch that a periodic rotation after a re-login hands on';
const OTHER_FIRST = 'refuses a rotation as a conflict where another one came first, and writes nothing';
const OTHER_REVISION = 'refuses a rotation as a conflict where only the revision is another';
const CONFIRMS = 'replaces what the record knows of predecessors, and nothing else';
const BESIDE = 'confirms a rotation in the same commit as other changes';
const LATE = 'leaves out the confirmation alone where the secret is another by now';
const FIRST = 'leaves out a confirmation where the rotation was confirmed before';
const CONFIRMS_NOT = 'confirms nothing where the revision or the epoch is another';

type Previous = NonNullable<RecordDelta['rotate']>['previous'];

const rotation = (change: (previous: Previous) => Previous) =>
  telling((delta) =>
    delta.rotate ? { ...delta, rotate: { ...delta.rotate, previous: change(delta.rotate.previous) } } : delta,
  );

const beside = (change: (delta: RecordDelta) => RecordDelta) =>
  telling((delta) => (delta.rotate ? change(delta) : delta));

const forgetting = (where: (delta: RecordDelta) => boolean) =>
  applying((next, before, delta) =>
    !delta.rotate && !delta.confirm && where(delta) ? without(next, 'previous') : next,
  );

export const rotating = [
  mutant(
    'commit',
    'keeps the former secret',
    PUTS,
    applying((next, { secretHash }) => ({ ...next, secretHash })),
  ),
  mutant(
    'commit',
    'remembers no predecessor',
    PUTS,
    applying((next, { previous }, { rotate }) => (rotate ? { ...next, previous } : next)),
  ),
  mutant(
    'commit',
    'forgets that the rotation is pending',
    PUTS,
    rotation((previous) => without(previous, 'pending')),
  ),
  mutant(
    'commit',
    'forgets the earlier predecessors',
    PUTS,
    rotation((previous) => without(previous, 'earlier')),
  ),
  mutant(
    'commit',
    'forgets the limit of the oldest predecessors',
    PUTS,
    rotation((previous) => without(previous, 'rest')),
  ),
  mutant(
    'commit',
    'forgets the epoch of a rotation',
    PUTS,
    rotation((previous) => without(previous, 'epoch')),
  ),
  mutant(
    'commit',
    'honours every predecessor',
    PUTS,
    rotation((previous) => ({ ...previous, honoured: true })),
  ),
  mutant(
    'commit',
    'rounds the limit of a predecessor',
    PUTS,
    rotation((previous) => ({ ...previous, until: Math.round(previous.until) })),
  ),
  mutant(
    'commit',
    'rounds the limits of earlier predecessors',
    PUTS,
    rotation((previous) => ({
      ...previous,
      ...(previous.earlier && {
        earlier: previous.earlier.map((one) =>
          one.until === undefined ? one : { ...one, until: Math.round(one.until) },
        ),
      }),
    })),
  ),
  mutant(
    'commit',
    'counts a rotation in the revision',
    PUTS,
    applying((next, before, { rotate }) => ({ ...next, revision: next.revision + (rotate ? 1 : 0) })),
  ),
  mutant(
    'commit',
    'merges the predecessor with the one before',
    REPLACES,
    applying((next, { previous }, { rotate }) =>
      rotate ? { ...next, previous: { ...previous, ...rotate.previous } } : next,
    ),
  ),
  mutant(
    'commit',
    'adds to the earlier predecessors by itself',
    REPLACES,
    applying((next, { previous }, { rotate }) =>
      rotate && previous
        ? {
            ...next,
            previous: {
              ...rotate.previous,
              earlier: [{ hash: previous.hash }, ...(rotate.previous.earlier ?? [])],
            },
          }
        : next,
    ),
  ),
  mutant(
    'commit',
    'forgets the predecessor when data changes',
    REMEMBERS,
    forgetting(({ set, remove }) => (set ?? remove) !== undefined),
  ),
  mutant(
    'commit',
    'forgets the predecessor at a roll',
    REMEMBERS,
    forgetting(({ head, ttl }) => head !== undefined && ttl !== undefined),
  ),
  mutant(
    'commit',
    'forgets the predecessor when only the head changes',
    REMEMBERS,
    forgetting(({ head, ttl }) => head !== undefined && ttl === undefined),
  ),
  mutant(
    'commit',
    'forgets the predecessor where only the ttl is given',
    REMEMBERS,
    forgetting(({ head, set, ttl }) => ttl !== undefined && !head && !set),
  ),
  mutant(
    'commit',
    'forgets the earlier predecessors at a later commit',
    REMEMBERS,
    applying((next, before, { rotate, confirm }) =>
      next.previous && !rotate && !confirm
        ? { ...next, previous: without(next.previous, 'earlier', 'rest') }
        : next,
    ),
  ),
  mutant(
    'commit',
    'takes a later commit for a confirmation',
    REMEMBERS,
    applying((next, before, { rotate, confirm }) =>
      next.previous && !rotate && !confirm ? { ...next, previous: without(next.previous, 'pending') } : next,
    ),
  ),
  mutant(
    'commit',
    'sets nothing in a commit that rotates',
    SAME_COMMIT,
    beside((delta) => ({ ...delta, set: delta.set && {} })),
  ),
  mutant(
    'commit',
    'removes nothing in a commit that rotates',
    SAME_COMMIT,
    beside((delta) => ({ ...delta, remove: delta.remove && [] })),
  ),
  mutant(
    'commit',
    'replaces no head in a commit that rotates',
    SAME_COMMIT,
    beside((delta) => without(delta, 'head')),
  ),
  mutant(
    'commit',
    'keeps the factors in a commit that rotates',
    SAME_COMMIT,
    applying((next, { factors }, { rotate }) => (rotate ? { ...next, factors } : next)),
  ),
  mutant(
    'commit',
    'counts no data in a commit that rotates',
    SAME_COMMIT,
    applying((next, { revision }, { rotate }) => (rotate ? { ...next, revision } : next)),
  ),
  mutant(
    'commit',
    'removes no odd keys in a commit that rotates',
    'removes all data in the same commit, as regenerate does',
    beside((delta) => ({
      ...delta,
      ...(delta.remove && { remove: delta.remove.filter((key) => /^\w+$/.test(key)) }),
    })),
  ),
  mutant(
    'commit',
    'removes nothing where it rotates and compares the revision',
    'removes all data in the same commit, as regenerate does',
    beside((delta) => (delta.revision === undefined ? delta : without(delta, 'remove'))),
  ),
  mutant(
    'commit',
    'parses texts and writes them again where it rotates',
    'gives back each text as it was after a rotation',
    applying((next, before, { rotate }) => (rotate ? { ...next, data: rewritten(next.data) } : next)),
  ),
  mutant(
    'commit',
    'loses odd keys where it rotates',
    'gives back each text as it was after a rotation',
    applying((next, before, { rotate }) =>
      rotate
        ? {
            ...next,
            data: mapData(next.data, (key, text) => (key === '__proto__' ? undefined : [key, text])),
          }
        : next,
    ),
  ),
  mutant('commit', 'refuses requests that came with the predecessor', EARLIER, (was) => ({
    mayCommit: (record, delta) =>
      was.mayCommit(record, delta) && (!record.previous || delta.rotate !== undefined),
  })),
  mutant(
    'commit',
    'counts each rotation in the epoch',
    EARLIER,
    rotation((previous) => ({ ...previous, epoch: (previous.epoch ?? 0) + 1 })),
  ),
  mutant(
    'commit',
    'lets a late request bring back its secret',
    EARLIER,
    applying((next, before, { rotate }) =>
      before.previous && !rotate ? { ...next, secretHash: before.previous.hash } : next,
    ),
  ),
  mutant(
    'commit',
    'refuses requests when the grace is over',
    'accepts a commit after the grace of a predecessor by a request that began within it',
    (was) => ({
      mayCommit: (record, delta) =>
        was.mayCommit(record, delta) && (record.previous?.until ?? Infinity) > was.now(),
    }),
  ),
  mutant('commit', 'compares the epoch only where it rotates', FORMER_EPOCH, (was) => ({
    mayCommit: (record, delta) => !delta.rotate || was.mayCommit(record, delta),
  })),
  mutant('commit', 'compares the epoch only where data changes', FORMER_EPOCH, (was) => ({
    mayCommit: (record, delta) => !delta.set || was.mayCommit(record, delta),
  })),
  mutant('commit', 'rotates for a request of the former epoch', FORMER_EPOCH, (was) => ({
    mayCommit: (record, delta) => delta.rotate !== undefined || was.mayCommit(record, delta),
  })),
  mutant('commit', 'goes by whether the last predecessor was honoured', HANDED_ON, (was) => ({
    mayCommit: (record, delta) => record.previous?.honoured === true || was.mayCommit(record, delta),
  })),
  mutant(
    'commit',
    'starts the epoch anew at a periodic rotation',
    HANDED_ON,
    rotation((previous) => (previous.honoured ? without(previous, 'epoch') : previous)),
  ),
  mutant('commit', 'does not compare the secret to rotate from', OTHER_FIRST, (was) => ({
    conflicts: (record, { epoch, revision }) => was.conflicts(record, { epoch, revision }),
  })),
  mutant(
    'commit',
    'leaves out a rotation that comes late and writes the rest',
    OTHER_FIRST,
    telling((delta, record) =>
      delta.rotate && record && delta.rotate.from !== record.secretHash ? without(delta, 'rotate') : delta,
    ),
  ),
  mutant(
    'commit',
    'rotates from the predecessor, too',
    OTHER_FIRST,
    telling((delta, record) =>
      delta.rotate && record && delta.rotate.from === record.previous?.hash
        ? { ...delta, rotate: { ...delta.rotate, from: record.secretHash } }
        : delta,
    ),
  ),
  mutant('commit', 'writes the head of a rotation that comes late', OTHER_FIRST, (was, store) => ({
    commit: async (id, delta) => {
      const done = await was.commit(id, delta);
      const entry = store.entry(id);
      if (entry && delta.rotate && done.outcome === 'conflict')
        entry.record = { ...entry.record, ...delta.head };
      return done;
    },
  })),
  mutant('commit', 'does not compare the revision where it rotates', OTHER_REVISION, (was) => ({
    conflicts: (record, delta) => was.conflicts(record, delta.rotate ? without(delta, 'revision') : delta),
  })),
  mutant('commit', 'rotates where only the revision is another', OTHER_REVISION, (was, store) => ({
    commit: async (id, delta) => {
      const done = await was.commit(id, delta);
      const entry = store.entry(id);
      if (entry && delta.rotate?.from === entry.record.secretHash && done.outcome === 'conflict')
        entry.record = was.apply(entry.record, { epoch: 0, rotate: delta.rotate });
      return done;
    },
  })),
  mutant(
    'commit',
    'does not confirm',
    CONFIRMS,
    telling((delta) => without(delta, 'confirm')),
  ),
  mutant(
    'commit',
    'confirms by removing the mark alone',
    CONFIRMS,
    applying((next, { previous }, { confirm }) =>
      confirm && previous ? { ...next, previous: without(previous, 'pending') } : next,
    ),
  ),
  mutant(
    'commit',
    'merges a confirmation with what was known',
    CONFIRMS,
    applying((next, { previous }, { confirm }) =>
      confirm && next.previous ? { ...next, previous: { ...previous, ...next.previous } } : next,
    ),
  ),
  mutant(
    'commit',
    'forgets the predecessor at a confirmation',
    CONFIRMS,
    applying((next, before, { confirm }) => (confirm ? without(next, 'previous') : next)),
  ),
  mutant(
    'commit',
    'confirms only where nothing else changes',
    BESIDE,
    telling((delta) => (delta.set ? without(delta, 'confirm') : delta)),
  ),
  mutant(
    'commit',
    'changes no data beside a confirmation',
    BESIDE,
    telling((delta) => (delta.confirm ? without(delta, 'set', 'remove') : delta)),
  ),
  mutant(
    'commit',
    'changes no head beside a confirmation',
    BESIDE,
    telling((delta) => (delta.confirm ? without(delta, 'head') : delta)),
  ),
  mutant(
    'commit',
    'lets the last of several confirmations count',
    FIRST,
    applying((next, before, { confirm }) =>
      confirm?.secretHash === before.secretHash ? { ...next, previous: confirm.previous } : next,
    ),
  ),
  mutant(
    'commit',
    'refuses a commit whose confirmation is left out',
    FIRST,
    applying((next, before, { confirm }) =>
      confirm !== undefined && !before.previous?.pending ? before : next,
    ),
  ),
  mutant(
    'commit',
    'confirms whatever the present secret is',
    LATE,
    applying((next, before, { confirm }) => (confirm ? { ...next, previous: confirm.previous } : next)),
  ),
  mutant('commit', 'takes a confirmation that comes late for a conflict', LATE, (was) => ({
    conflicts: (record, delta) =>
      (delta.confirm !== undefined && delta.confirm.secretHash !== record.secretHash) ||
      was.conflicts(record, delta),
  })),
  mutant('commit', 'leaves out everything beside a confirmation that comes late', LATE, (was) => ({
    apply: (record, delta) =>
      delta.confirm && delta.confirm.secretHash !== record.secretHash ? record : was.apply(record, delta),
  })),
  mutant(
    'commit',
    'leaves out the head beside a confirmation that comes late',
    LATE,
    telling((delta, record) =>
      delta.confirm && delta.confirm.secretHash !== record?.secretHash ? without(delta, 'head') : delta,
    ),
  ),
  mutant('commit', 'does not compare the revision where it confirms', CONFIRMS_NOT, (was) => ({
    conflicts: (record, delta) => was.conflicts(record, delta.confirm ? without(delta, 'revision') : delta),
  })),
  mutant('commit', 'does not compare the epoch where it confirms', CONFIRMS_NOT, (was) => ({
    mayCommit: (record, delta) => delta.confirm !== undefined || was.mayCommit(record, delta),
  })),
];
