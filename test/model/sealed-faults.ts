import type { Revocation, SessionTerms, SubjectTerms } from '../../lib/revocations/revocation-list.js';
import type { SessionStore } from 'nest-sessions';
import { listWith } from './delegates.js';
import { methodsOf } from './gate.js';
import type { Invariant } from './oracle.js';
import type { Focus } from './scenario.js';
import type { SealedSabotage } from './sealed-world.js';

/** A mistake over sealed cookies, and the invariants of which one tells. */
export interface SealedFault {
  name: string;
  told: readonly Invariant[];
  focus?: Focus;
  sabotage: SealedSabotage;
}

/** Entries of the list that are not sent, although the caller is told that they were added. */
const notSent = (which: (revocation: Revocation) => boolean): SealedSabotage => ({
  list: (list) =>
    listWith(list, {
      add: (revocation) => (which(revocation) ? Promise.resolve(true) : list.add(revocation)),
    }),
});

const ofSessions = (terms: Partial<SessionTerms>, change: Partial<SessionTerms>): SealedSabotage => ({
  list: (list) =>
    listWith(list, {
      add: (revocation) =>
        list.add(
          matches(revocation, terms)
            ? { ...revocation, terms: { ...(revocation.terms as SessionTerms), ...change } }
            : revocation,
        ),
    }),
});

const matches = ({ terms }: Revocation, wanted: Partial<SessionTerms> | Partial<SubjectTerms>): boolean =>
  Object.entries(wanted).every(([name, value]) => terms[name as keyof typeof terms] === value);

const inIndex = (change: (index: SessionStore) => Partial<Omit<SessionStore, 'bind'>>): SealedSabotage => ({
  index: (index) => ({ ...methodsOf(index), ...change(index) }),
});

export const SEALED_FAULTS: readonly SealedFault[] = [
  {
    name: 'a logout is not written to the list',
    told: ['answers', 'endings'],
    sabotage: notSent((revocation) => matches(revocation, { kind: 'session', why: 'ended' })),
  },
  {
    name: 'a login leaves the session that it replaces',
    told: ['answers'],
    focus: 'endings',
    sabotage: notSent((revocation) => matches(revocation, { kind: 'session', why: 'replaced' })),
  },
  {
    name: 'revokeAll() is written once',
    told: ['endings', 'alarms', 'listed'],
    focus: 'marks',
    sabotage: writtenOnce(),
  },
  {
    name: 'a write of the list that failed counts as done',
    told: ['answers', 'successor'],
    focus: 'endings',
    sabotage: { list: (list) => listWith(list, { add: (entry) => list.add(entry).catch(() => true) }) },
  },
  {
    name: 'one of the nodes does not check revocations',
    told: ['endings', 'successor'],
    sabotage: {
      list: (list, node) =>
        listWith(list, node === 1 ? { check: ({ version }) => ({ live: true, version }) } : {}),
    },
  },
  {
    name: 'a login does not read the list before it is issued',
    told: ['endings', 'alarms'],
    focus: 'marks',
    sabotage: { list: (list) => listWith(list, { sync: () => list.fresh() }) },
  },
  {
    name: 'a re-login does not void the cookies before it',
    told: ['successor'],
    sabotage: notSent((revocation) =>
      matches(revocation, { kind: 'session', why: 'rotated', honoured: false }),
    ),
  },
  {
    name: 'the predecessor of a re-login is honoured',
    told: ['endings'],
    sabotage: ofSessions({ kind: 'session', why: 'rotated' }, { honoured: true }),
  },
  {
    name: 'two rotations to one version both succeed',
    told: ['successor'],
    focus: 'rotations',
    sabotage: {
      list: (list) => listWith(list, { add: async (entry) => (await list.add(entry)) || true }),
    },
  },
  {
    name: 'nobody confirms a rotation',
    told: ['theft'],
    focus: 'thefts',
    sabotage: notSent(
      ({ terms }) => terms.kind === 'session' && terms.why === 'rotated' && terms.confirmed !== undefined,
    ),
  },
  {
    name: 'the grace of a re-login begins at once',
    told: ['alarms'],
    sabotage: confirmedAtOnce(),
  },
  {
    name: 'an entry of the index that is gone is not listed again',
    told: ['listed', 'answers'],
    sabotage: inIndex((index) => ({
      commit: async (id, delta) => {
        const done = await index.commit(id, delta);
        return done.outcome === 'gone' ? { outcome: 'saved', revision: 0 } : done;
      },
    })),
  },
  {
    name: 'a roll does not extend the entry of the index',
    told: ['listed', 'answers'],
    sabotage: inIndex((index) => ({
      commit: (id, { ttl: _, ...delta }) => index.commit(id, delta),
    })),
  },
  {
    name: 'an ended session stays in the index',
    told: ['listed', 'orphans'],
    sabotage: inIndex(() => ({ destroy: () => undefined })),
  },
  {
    name: 'revoke() does not look whose session it is',
    told: ['identity'],
    focus: 'endings',
    sabotage: { backend: (backend) => ({ destroyById: (id) => backend.destroyById(id) }) },
  },
  {
    name: 'a revocation of all sessions that failed counts as done',
    told: ['endings', 'answers', 'listed'],
    focus: 'endings',
    sabotage: {
      backend: (backend) => ({ destroyAll: (...args) => backend.destroyAll(...args).catch(() => undefined) }),
    },
  },
];

/** The second of two entries in a row for the same sessions of a subject. */
function writtenOnce(): SealedSabotage {
  return {
    list: (list) => {
      let last = '';
      return listWith(list, {
        add: async (revocation) => {
          if (revocation.terms.kind === 'subject' && revocation.key === last) {
            last = '';
            return true;
          }
          const added = await list.add(revocation);
          if (added) last = revocation.key;
          return added;
        },
      });
    },
  };
}

function confirmedAtOnce(): SealedSabotage {
  return {
    list: (list) =>
      listWith(list, {
        add: (revocation) => {
          const { terms } = revocation;
          if (terms.kind !== 'session' || terms.why !== 'rotated' || terms.honoured)
            return list.add(revocation);
          return list.add({ ...revocation, terms: { ...terms, confirmed: terms.confirmed ?? terms.grace } });
        },
      }),
  };
}
