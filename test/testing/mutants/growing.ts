import { applying, assigned, creating, mutant, rewritten, without } from './mutant.js';

const GIVES_BACK = 'gives back what a newer version keeps in a record as it was';
const LEAVES = 'leaves what a newer version keeps as it is, whatever a commit changes';
const BEGAN = 'never moves when a session began';

export const growing = [
  mutant(
    'create',
    'drops the fields that it does not know',
    GIVES_BACK,
    creating((record) => without(record, 'extra')),
  ),
  mutant(
    'create',
    'reads and writes the fields that it does not know',
    GIVES_BACK,
    creating((record) => ({ ...record, ...(record.extra && { extra: rewritten(record.extra) }) })),
  ),
  mutant(
    'create',
    'takes the name of a field for the prototype',
    GIVES_BACK,
    creating((record) => ({ ...record, ...(record.extra && { extra: assigned(record.extra) }) })),
  ),
  mutant('destroy', 'returns the record without the fields that it does not know', GIVES_BACK, (was) => ({
    destroy: async (...args) => {
      const last = await was.destroy(...args);
      return last && without(last, 'extra');
    },
  })),
  mutant(
    'commit',
    'drops the fields that it does not know at a rotation',
    LEAVES,
    applying((next, _, { rotate }) => (rotate ? without(next, 'extra') : next)),
  ),
  mutant(
    'commit',
    'drops the fields that it does not know where it confirms',
    LEAVES,
    applying((next, _, { confirm }) => (confirm ? without(next, 'extra') : next)),
  ),
  mutant(
    'commit',
    'drops the fields that it does not know at a roll',
    LEAVES,
    applying((next, _, { ttl }) => (ttl === undefined ? next : without(next, 'extra'))),
  ),
  mutant(
    'commit',
    'takes a key of the data for a field that it does not know',
    LEAVES,
    applying((next, { extra }, { set }) => ({ ...next, ...(extra && { extra: { ...extra, ...set } }) })),
  ),
  mutant(
    'commit',
    'removes a field with the key of the data that has its name',
    LEAVES,
    applying((next, { extra }, { remove }) => ({
      ...next,
      ...(extra && { extra: without<Record<string, string>, string>(extra, ...(remove ?? [])) }),
    })),
  ),
  mutant(
    'commit',
    'moves when a session began with its start',
    BEGAN,
    applying((next, _, { head }) =>
      head?.startedAt === undefined ? next : { ...next, createdAt: head.startedAt },
    ),
  ),
  mutant(
    'create',
    'takes the start of a session for when it began',
    BEGAN,
    creating((record) => ({ ...record, createdAt: record.startedAt })),
  ),
];
