import { backendWith } from './delegates.js';
import type { SessionStore } from 'nest-sessions';
import { nextMoment, type Clock } from '../../lib/core/util/clock.js';
import { isSessionError, unavailable } from '../../lib/core/util/errors.js';
import {
  type BackendWrite,
  type SessionHandle,
  type SessionBackend,
  type OpenResult,
  type RejectedToken,
  type SaveResult,
} from '../../lib/core/storage/backend.js';

import {
  epochOf,
  type PredecessorSecret,
  type RecordDelta,
  type SessionRecord,
} from '../../lib/core/model/record.js';
import type { StoreHandle } from '../../lib/core/storage/store-handle.js';
import { StoreBackend } from '../../lib/core/storage/store-backend.js';
import { methodsOf } from './gate.js';
import type { Invariant } from './oracle.js';
import { GRACE, IDLE, type Focus } from './scenario.js';
import type { Sabotage } from './store-world.js';

/** A mistake that was made once, or could be, and the invariants of which one tells. */
export interface Fault {
  name: string;
  told: readonly Invariant[];
  /** The kind of runs that finds it soonest. */
  focus?: Focus;
  sabotage: Sabotage;
}

type Methods = Partial<Omit<SessionStore, 'bind'>>;

/** Of the store, when it is called. */
const inCalls = (change: (store: SessionStore) => Methods): Sabotage => ({
  store: (store) => ({ ...methodsOf(store), ...change(store) }),
});

/** Of the store, at the time of a call's effect. */
const inEffects = (change: (store: SessionStore) => Methods): Sabotage => ({
  database: (store) => ({ ...methodsOf(store), ...change(store) }),
});

/** Of what the engine asks for. */
const inBackend = (
  change: (backend: SessionBackend, store: SessionStore, clock: Clock) => Partial<SessionBackend>,
): Sabotage => ({
  backend: (store, context) => {
    const real: SessionBackend = new StoreBackend(store, context);
    return backendWith(real, change(real, store, context.clock));
  },
});

const inSaves = (change: (change: BackendWrite, handle: SessionHandle) => BackendWrite): Sabotage =>
  inBackend((backend) => ({
    save: (handle, what, ...rest) => backend.save(handle, change(what, handle), ...rest),
  }));

const inRotations = (change: (previous: PredecessorSecret) => PredecessorSecret): Sabotage =>
  inCalls((store) => ({
    commit: (id, delta) =>
      store.commit(
        id,
        delta.rotate
          ? { ...delta, rotate: { ...delta.rotate, previous: change(delta.rotate.previous) } }
          : delta,
      ),
  }));

const inOpened = (change: (opened: OpenResult) => OpenResult): Sabotage =>
  inBackend((backend) => ({ open: async (...args) => change(await backend.open(...args)) }));

const inRejected = (change: (opened: RejectedToken) => OpenResult): Sabotage =>
  inOpened((opened) => (opened.kind === 'rejected' ? change(opened) : opened));

async function recordOf(store: SessionStore, id: string): Promise<SessionRecord | undefined> {
  const found = await store.load(id);
  return found && 'record' in found ? found.record : undefined;
}

const isRelogin = ({ head }: BackendWrite): boolean => head?.factors !== undefined;

export const FAULTS: readonly Fault[] = [
  // Updates.
  {
    name: 'a commit puts the revision of the store beside data that it has not read',
    told: ['counts'],
    focus: 'updates',
    sabotage: revisionUnread(),
  },
  {
    name: 'update() does not compare',
    told: ['counts'],
    focus: 'updates',
    sabotage: inSaves(({ exclusive, ...change }) =>
      change.rotate && exclusive ? { ...change, exclusive } : change,
    ),
  },
  {
    name: 'update() writes again where it was not told what became of the first write',
    told: ['counts'],
    focus: 'updates',
    sabotage: inBackend((backend) => ({
      save: async (handle, change, ...rest) => {
        try {
          return await backend.save(handle, change, ...rest);
        } catch (error) {
          if (!change.exclusive || change.rotate) throw error;
          return { outcome: 'conflict' };
        }
      },
    })),
  },
  {
    name: 'a commit writes every key as it was read',
    told: ['writes', 'counts'],
    sabotage: inSaves((change, { record }) =>
      change.data && !change.rotate
        ? { ...change, data: { ...change.data, set: { ...record.data, ...change.data.set } } }
        : change,
    ),
  },
  {
    name: 'a write that failed is answered as if it were stored',
    told: ['answers', 'counts'],
    sabotage: inBackend((backend) => ({
      save: async (handle, ...rest): Promise<SaveResult> => {
        try {
          return await backend.save(handle, ...rest);
        } catch {
          return { outcome: 'saved', handle };
        }
      },
    })),
  },
  // Endings.
  {
    name: 'regenerate() makes another record',
    told: ['endings', 'answers'],
    sabotage: regenerateElsewhere(),
  },
  {
    name: 'regenerate() does not compare the revision',
    told: ['writes', 'counts'],
    focus: 'updates',
    sabotage: inSaves(({ exclusive, ...change }) =>
      exclusive && !change.rotate ? { ...change, exclusive } : change,
    ),
  },
  {
    name: 'revokeAll() leaves no mark',
    told: ['endings'],
    focus: 'marks',
    sabotage: inCalls(() => ({ markRevoked: () => undefined })),
  },
  {
    name: 'a login does not look for the mark',
    told: ['endings'],
    focus: 'marks',
    sabotage: inCalls((store) => ({
      create: (record, ttl, limit) => store.create(record, ttl, limit),
    })),
  },
  {
    name: 'a login counts as proved when its session is stored',
    told: ['endings'],
    focus: 'marks',
    sabotage: inEffects((store) => ({
      create: (record, ttl, limit) => store.create(record, ttl, limit, Infinity),
    })),
  },
  {
    name: 'revokeAll() asks for the list before it leaves the mark',
    told: ['endings'],
    focus: 'marks',
    sabotage: listFirst(),
  },
  {
    name: 'revokeAll() ends one page',
    told: ['endings', 'answers'],
    focus: 'endings',
    sabotage: inCalls((store) => ({
      list: async (subject, limit) => (await store.list(subject, limit)).slice(0, 1),
    })),
  },
  {
    name: 'a login that the store did not answer leaves its session',
    told: ['orphans'],
    focus: 'marks',
    sabotage: abandonFailedCreates(),
  },
  {
    name: 'a login that could not end the old session leaves the new one',
    told: ['orphans'],
    sabotage: abandonSuccessors(),
  },
  {
    name: 'a login with a predecessor leaves the old session',
    told: ['answers'],
    sabotage: {
      engine: (engine) => {
        const login = engine.login.bind(engine);
        engine.login = (state, ...rest) => {
          Object.defineProperty(state, 'former', { value: undefined });
          return login(state, ...rest);
        };
        return engine;
      },
    },
  },
  {
    name: 'a logout with a predecessor ends nothing',
    told: ['answers'],
    sabotage: inRejected(({ former, ...dead }) => (dead.why === 'reused' ? { ...dead, former } : dead)),
  },
  {
    name: 'everywhere, by a token whose time is over, is answered as if it had ended all',
    told: ['endings'],
    focus: 'thefts',
    sabotage: {
      engine: (engine) => {
        const end = engine.end.bind(engine);
        engine.end = (...args) =>
          end(...args).catch((error: unknown) => {
            if (!isSessionError(error) || error.code !== 'ERR_SESSION_ENDED') throw error;
          });
        return engine;
      },
    },
  },
  {
    name: 'an ending that failed is answered as if it had taken place',
    told: ['answers', 'endings'],
    focus: 'endings',
    sabotage: inBackend((backend) => ({
      destroy: (...args) => backend.destroy(...args).catch(() => undefined),
    })),
  },
  {
    name: 'a commit ignores that a re-login or regenerate came between',
    told: ['endings'],
    sabotage: inEffects((store) => ({
      commit: async (id, delta) => {
        const record = await recordOf(store, id);
        return store.commit(id, record ? { ...delta, epoch: epochOf(record) } : delta);
      },
    })),
  },
  {
    name: 'a commit brings a session back that has ended',
    told: ['endings'],
    sabotage: reviving(),
  },
  {
    name: 'the predecessor of a re-login is honoured',
    told: ['endings'],
    sabotage: inSaves((change) =>
      change.rotate && isRelogin(change)
        ? { ...change, rotate: { ...change.rotate, honoured: true } }
        : change,
    ),
  },
  {
    name: 'a reload presents the token',
    told: ['alarms', 'answers'],
    focus: 'handles',
    sabotage: inBackend((backend) => ({
      reload: async (handle) => {
        if (handle.token === undefined) return backend.reload(handle);
        const opened = await backend.open(handle.token, {});
        if (opened.kind === 'live') return opened.handle;
        if (opened.why === 'reused') await backend.destroy(opened.former!.handle);
        return undefined;
      },
    })),
  },
  // Rotations.
  {
    name: 'nobody confirms a rotation',
    told: ['successor', 'theft'],
    focus: 'thefts',
    sabotage: inSaves(({ confirm: _, ...change }) =>
      change.rotate ? { ...change, rotate: { ...change.rotate, presented: false } } : change,
    ),
  },
  {
    name: 'the grace begins at the rotation',
    told: ['alarms', 'successor'],
    sabotage: inRotations(({ pending, ...previous }) =>
      previous.honoured
        ? { ...previous, until: previous.until - IDLE + GRACE }
        : { ...previous, ...(pending && { pending }) },
    ),
  },
  {
    name: 'the grace of a re-login begins at once',
    told: ['alarms'],
    sabotage: inRotations(({ pending, ...previous }) =>
      previous.honoured && pending ? { ...previous, pending } : previous,
    ),
  },
  {
    name: 'a predecessor confirms',
    told: ['alarms', 'successor', 'endings'],
    sabotage: inSaves((change, { record }) => {
      if (change.rotate) return { ...change, rotate: { ...change.rotate, presented: true } };
      return record.previous?.pending ? { ...change, confirm: { grace: GRACE } } : change;
    }),
  },
  {
    name: 'a request confirms the rotation that came while it ran',
    told: ['alarms', 'successor'],
    focus: 'confirmations',
    sabotage: confirmingAfterReload(),
  },
  {
    name: 'a confirmation takes the place of what a later rotation remembers',
    told: ['alarms', 'theft', 'successor', 'endings'],
    focus: 'confirmations',
    sabotage: inEffects((store) => ({
      commit: async (id, delta) => {
        const record = delta.confirm && (await recordOf(store, id));
        if (!record) return store.commit(id, delta);
        return store.commit(id, { ...delta, confirm: { ...delta.confirm!, secretHash: record.secretHash } });
      },
    })),
  },
  {
    name: 'only the immediate predecessor is remembered',
    told: ['alarms', 'theft'],
    focus: 'confirmations',
    sabotage: inRotations(({ earlier: _, rest: __, ...previous }) => previous),
  },
  {
    name: 'a rotation begins while the one before is pending',
    told: ['successor'],
    sabotage: inOpened((opened) => (opened.kind === 'live' ? { ...opened, present: true } : opened)),
  },
  {
    name: 'a rotation does not say when it was',
    told: ['successor'],
    sabotage: inSaves((change) => {
      if (!change.rotate?.honoured) return change;
      const { rotatedAt: _, ...head } = change.head!;
      return { ...change, head };
    }),
  },
  {
    name: 'two rotations of one secret both succeed',
    told: ['successor'],
    sabotage: inEffects((store) => ({
      commit: async (id, delta) => {
        const record = delta.rotate && (await recordOf(store, id));
        if (!record) return store.commit(id, delta);
        return store.commit(id, { ...delta, rotate: { ...delta.rotate!, from: record.secretHash } });
      },
    })),
  },
  {
    name: 'a request with the predecessor is not given the successor',
    told: ['successor'],
    sabotage: inOpened((opened) => (opened.kind === 'live' ? { ...opened, renewed: false } : opened)),
  },
  {
    name: 'a rotation is pending for ever',
    told: ['successor'],
    focus: 'rotations',
    sabotage: inRotations((previous) =>
      previous.honoured ? { ...previous, until: previous.until + 1000 * IDLE } : previous,
    ),
  },
  {
    name: 'a predecessor whose successor nobody presented is a reuse',
    told: ['alarms'],
    sabotage: inRejected((dead) =>
      dead.why === 'superseded' && dead.former ? { ...dead, why: 'reused' } : dead,
    ),
  },
  {
    name: 'a reuse is not noticed',
    told: ['theft'],
    focus: 'thefts',
    sabotage: inRejected((dead) => (dead.why === 'reused' ? { ...dead, why: 'superseded' } : dead)),
  },
  // Users.
  {
    name: 'revoke() does not look whose session it is',
    told: ['identity'],
    focus: 'endings',
    sabotage: inBackend((backend) => ({ destroyById: (id) => backend.destroyById(id) })),
  },
  {
    name: 'a login carries the data of another user over',
    told: ['identity'],
    focus: 'endings',
    sabotage: {
      engine: (engine) => {
        const login = engine.login.bind(engine);
        engine.login = async (state, subject, options = {}) => {
          const carried = state.bag.carry(options.keep ?? []);
          await login(state, subject, options);
          for (const [key, text] of Object.entries(carried)) state.bag.proxy[key] = JSON.parse(text);
        };
        return engine;
      },
    },
  },
  {
    name: 'a response carries the cookie of the response before',
    told: ['identity'],
    sabotage: {
      engine: (engine) => {
        const cookieOf = engine.cookieOf.bind(engine);
        let last: string | undefined;
        engine.cookieOf = (state) => {
          const [before, own] = [last, cookieOf(state)];
          last = own;
          return own && before ? before : own;
        };
        return engine;
      },
    },
  },
  {
    name: 'a list has the sessions of the subject that logged in before',
    told: ['identity'],
    focus: 'endings',
    sabotage: listOfTwo(),
  },
];

function listOfTwo(): Sabotage {
  let [before, last]: (string | undefined)[] = [];
  return inEffects((store) => ({
    create: (record, ...rest) => {
      if (record.subject !== last) [before, last] = [last, record.subject];
      return store.create(record, ...rest);
    },
    list: async (subject, limit) => {
      const own = await store.list(subject, limit);
      return subject === last && before !== undefined ? [...own, ...(await store.list(before))] : own;
    },
  }));
}

function revisionUnread(): Sabotage {
  const revisions = new Map<string, number>();
  return {
    store: (store) => ({
      ...methodsOf(store),
      commit: async (id, delta) => {
        const done = await store.commit(id, delta);
        if (done.outcome === 'saved') revisions.set(id, done.revision);
        return done;
      },
    }),
    ...inBackend((backend) => ({
      save: async (handle, ...rest) => {
        const saved = await backend.save(handle, ...rest);
        if (saved.outcome !== 'saved') return saved;
        const { record } = saved.handle;
        const known = saved.handle as StoreHandle;
        const revision = revisions.get(record.id)!;
        return { outcome: 'saved', handle: known.withRecord({ ...record, revision }) };
      },
    })),
  };
}

function regenerateElsewhere(): Sabotage {
  return {
    engine: (engine, backend) => {
      engine.regenerate = async (state, { keep = [] } = {}) => {
        const old = state.handle!;
        const { record } = old;
        const data = Object.fromEntries(Object.entries(record.data).filter(([key]) => keep.includes(key)));
        const draft = {
          ...record,
          id: `${state.id.slice(0, 11)}${Math.random().toString(36).slice(2, 13)}`.padEnd(22, '0'),
        };
        const { previous: _, ...fresh } = draft;
        const { handle } = await backend.create({ ...fresh, data, revision: 0 }, IDLE, {});
        await backend.destroy(old, { reason: 'replaced', ttl: GRACE });
        state.replacedBy(handle);
      };
      return engine;
    },
  };
}

function listFirst(): Sabotage {
  return inBackend((backend, store, clock) => ({
    destroyAll: async (subject, except, onEnded) => {
      const since = nextMoment(clock);
      const listed = await backend.list(subject);
      try {
        await store.markRevoked(subject, since, IDLE);
      } catch (error) {
        throw unavailable(error);
      }
      const doomed = listed.filter(({ id }) => !except.includes(id));
      for (const ended of await Promise.all(doomed.map(({ id }) => backend.destroyById(id))))
        ended.forEach(onEnded);
    },
  }));
}

function abandonFailedCreates(): Sabotage {
  const failed = new Set<string>();
  return inCalls((store) => ({
    create: async (record, ...rest) => {
      try {
        return await store.create(record, ...rest);
      } catch (error) {
        failed.add(record.id);
        throw error;
      }
    },
    destroy: (id, tombstone) => (failed.delete(id) ? undefined : store.destroy(id, tombstone)),
  }));
}

function abandonSuccessors(): Sabotage {
  const made = new WeakSet<SessionHandle>();
  return inBackend((backend) => ({
    create: async (...args) => {
      const issued = await backend.create(...args);
      made.add(issued.handle);
      return issued;
    },
    destroy: async (handle, tombstone) => (made.has(handle) ? undefined : backend.destroy(handle, tombstone)),
  }));
}

function reviving(): Sabotage {
  const known = new Map<string, SessionRecord>();
  return inEffects((store) => ({
    create: (record, ...rest) => {
      known.set(record.id, record);
      return store.create(record, ...rest);
    },
    commit: async (id, delta: RecordDelta) => {
      const last = known.get(id);
      if (!(await store.load(id)) && last) await store.create(last, IDLE);
      const done = await store.commit(id, delta);
      known.set(id, (await recordOf(store, id)) ?? last!);
      return done;
    },
  }));
}

function confirmingAfterReload(): Sabotage {
  const presented = new WeakSet<SessionHandle>();
  return inBackend((backend) => ({
    open: async (...args) => {
      const opened = await backend.open(...args);
      if (opened.kind === 'live' && opened.confirms) presented.add(opened.handle);
      return opened;
    },
    reload: async (handle) => {
      const again = await backend.reload(handle);
      if (again && presented.has(handle)) presented.add(again);
      return again;
    },
    save: (handle, change, ...rest) =>
      backend.save(
        handle,
        presented.has(handle) && !change.rotate ? { ...change, confirm: { grace: GRACE } } : change,
        ...rest,
      ),
  }));
}
