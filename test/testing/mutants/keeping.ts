import { assigned, creating, cut, firstHundred, hop, mapData, mutant, rewritten, without } from './mutant.js';

const EVERY_FIELD = 'gives back every field as it was';
const ABSENT = 'gives back what is absent as absent';
const PREDECESSOR = 'gives back every field of a predecessor';
const FRACTIONS = 'gives back times with their fraction of a millisecond';
const TEXTS = 'gives back each text of the data as it was';
const UNKNOWN = 'answers undefined for what it does not have';
const EXISTS = 'refuses to create an id that exists, and leaves what is there';
const MILLISECONDS = 'returns milliseconds since 1970 as its time, if it has a clock';
const BOTH_CLOCKS = 'returns the time with each record if it offers time(), and only then';
const NOW = 'returns the present time, not an earlier one';

const predecessor = (change: (previous: Previous) => Previous) =>
  creating((record) => (record.previous ? { ...record, previous: change(record.previous) } : record));
type Previous = NonNullable<Parameters<Parameters<typeof creating>[0]>[0]['previous']>;

export const keeping = [
  mutant(
    'create',
    'forgets that a session is persistent',
    EVERY_FIELD,
    creating((record) => ({ ...record, remember: false })),
  ),
  mutant(
    'create',
    'starts every record with revision 0',
    EVERY_FIELD,
    creating((record) => ({ ...record, revision: 0 })),
  ),
  mutant(
    'create',
    'keeps one factor only',
    EVERY_FIELD,
    creating((record) => {
      const [first] = Object.entries(record.factors);
      return { ...record, factors: first ? Object.fromEntries([first]) : {} };
    }),
  ),
  mutant(
    'create',
    'loses a factor that is called __proto__',
    EVERY_FIELD,
    creating((record) => {
      const factors: Record<string, number> = {};
      for (const [factor, at] of Object.entries(record.factors)) factors[factor] = at;
      return { ...record, factors };
    }),
  ),
  mutant(
    'create',
    'escapes quotes in the user agent',
    EVERY_FIELD,
    creating((record) =>
      record.device
        ? {
            ...record,
            device: { ...record.device, userAgent: record.device.userAgent?.replaceAll('"', '\\"') },
          }
        : record,
    ),
  ),
  mutant(
    'create',
    'takes the time of the create for that of the record',
    EVERY_FIELD,
    creating((record) => ({ ...record, createdAt: Date.now() + 1 })),
  ),
  mutant('create', 'does not say whom it evicted', EVERY_FIELD, (was) => ({
    create: async (...all) => without(await was.create(...all), 'evicted' as never),
  })),
  mutant('load', 'gives the record without its device', EVERY_FIELD, (was) => ({
    load: async (id) => {
      const found = await was.load(id);
      return found && 'record' in found ? { ...found, record: without(found.record, 'device') } : found;
    },
  })),
  mutant(
    'create',
    'stores an absent device as an empty one',
    ABSENT,
    creating((record) => ({ device: {}, ...record })),
  ),
  mutant(
    'create',
    'stores an absent subject as an empty text',
    ABSENT,
    creating((record) => ({ subject: '', ...record })),
  ),
  mutant(
    'create',
    'stores an absent predecessor as null',
    ABSENT,
    creating((record) => ({ previous: null as never, ...record })),
  ),
  mutant(
    'create',
    'stores an absent user agent as an empty text',
    ABSENT,
    creating((record) =>
      record.device ? { ...record, device: { userAgent: '', ...record.device } } : record,
    ),
  ),
  mutant(
    'create',
    'forgets that a rotation is pending',
    PREDECESSOR,
    predecessor((previous) => without(previous, 'pending')),
  ),
  mutant(
    'create',
    'forgets the epoch',
    PREDECESSOR,
    predecessor((previous) => without(previous, 'epoch')),
  ),
  mutant(
    'create',
    'forgets all predecessors but one',
    PREDECESSOR,
    predecessor((previous) => without(previous, 'earlier')),
  ),
  mutant(
    'create',
    'keeps two earlier predecessors only',
    PREDECESSOR,
    predecessor((previous) => ({ ...previous, earlier: previous.earlier?.slice(0, 2) })),
  ),
  mutant(
    'create',
    'forgets the limit of the oldest predecessors',
    PREDECESSOR,
    predecessor((previous) => without(previous, 'rest')),
  ),
  mutant(
    'create',
    'takes an empty rest for none',
    PREDECESSOR,
    predecessor((previous) => (previous.rest?.until === undefined ? without(previous, 'rest') : previous)),
  ),
  mutant(
    'create',
    'takes an earlier predecessor without a limit for one whose limit is 0',
    PREDECESSOR,
    predecessor((previous) => ({
      ...previous,
      earlier: previous.earlier?.map(({ hash, until = 0 }) => ({ hash, until })),
    })),
  ),
  mutant(
    'create',
    'rounds the limit of a predecessor',
    PREDECESSOR,
    predecessor((previous) => ({ ...previous, until: Math.round(previous.until) })),
  ),
  mutant(
    'create',
    'honours every predecessor',
    PREDECESSOR,
    predecessor((previous) => ({ ...previous, honoured: true })),
  ),
  mutant(
    'create',
    'rounds when a session began',
    FRACTIONS,
    creating((record) => ({ ...record, createdAt: Math.round(record.createdAt) })),
  ),
  mutant(
    'create',
    'rounds where the lifetime starts',
    FRACTIONS,
    creating((record) => ({ ...record, startedAt: Math.round(record.startedAt) })),
  ),
  mutant(
    'create',
    'rounds when a session was last seen',
    FRACTIONS,
    creating((record) => ({ ...record, lastSeenAt: Math.floor(record.lastSeenAt) })),
  ),
  mutant(
    'create',
    'rounds when a session was rotated',
    FRACTIONS,
    creating((record) => ({ ...record, rotatedAt: Math.ceil(record.rotatedAt) })),
  ),
  mutant(
    'create',
    'rounds the times of the factors',
    FRACTIONS,
    creating((record) => ({
      ...record,
      factors: Object.fromEntries(
        Object.entries(record.factors).map(([factor, at]) => [factor, Math.round(at)]),
      ),
    })),
  ),
  mutant(
    'create',
    'parses texts and writes them again',
    TEXTS,
    creating((record) => ({ ...record, data: rewritten(record.data) })),
  ),
  mutant(
    'create',
    'loses a key that is called __proto__',
    TEXTS,
    creating((record) => ({ ...record, data: assigned(record.data) })),
  ),
  mutant(
    'create',
    'trims texts',
    TEXTS,
    creating((record) => ({ ...record, data: mapData(record.data, (key, text) => [key, text.trim()]) })),
  ),
  mutant(
    'create',
    'writes keys in another form of Unicode',
    TEXTS,
    creating((record) => ({
      ...record,
      data: mapData(record.data, (key, text) => [key.replaceAll(/[^ -~]/gu, '?'), text]),
    })),
  ),
  mutant(
    'create',
    'takes keys for fields of the record',
    TEXTS,
    creating((record) => ({ ...record, data: without(record.data, 'id', 'subject', 'revision') })),
  ),
  mutant('load', 'gives empty texts for what is no object', TEXTS, (was) => ({
    load: async (id) => {
      const found = await was.load(id);
      if (!found || !('record' in found)) return found;
      return {
        ...found,
        record: {
          ...found.record,
          data: mapData(found.record.data, (key, text) => (text === 'null' ? undefined : [key, text])),
        },
      };
    },
  })),
  mutant(
    'create',
    'cuts texts at 64 kB',
    'keeps a text of far more than 64 kB',
    creating((record) => ({ ...record, data: cut(record.data) })),
  ),
  mutant(
    'create',
    'keeps the first 100 keys',
    'keeps more than 100 keys',
    creating((record) => ({ ...record, data: firstHundred(record.data) })),
  ),
  mutant('load', 'answers null for what is missing', UNKNOWN, (was) => ({
    load: async (id) => (await was.load(id)) ?? (null as never),
  })),
  mutant('load', 'throws for what is missing', UNKNOWN, (was) => ({
    load: async (id) => {
      const found = await was.load(id);
      if (!found) throw new Error('not found');
      return found;
    },
  })),
  mutant('destroy', 'throws for what is missing', UNKNOWN, (was) => ({
    destroy: async (id, word) => {
      const last = await was.destroy(id, word);
      if (!last) throw new Error('not found');
      return last;
    },
  })),
  mutant('list', 'throws for a subject that it does not know', UNKNOWN, (was) => ({
    list: async (subject, limit) => {
      const listed = await was.list(subject, limit);
      if (listed.length === 0) throw new Error('not found');
      return listed;
    },
  })),
  mutant('commit', 'takes what is missing for a conflict', UNKNOWN, (was) => ({
    commit: async (id, delta) => {
      const done = await was.commit(id, delta);
      return done.outcome === 'gone' ? { outcome: 'conflict' } : done;
    },
  })),
  mutant('create', 'replaces a session of the same id', EXISTS, () => ({ exists: () => false })),
  mutant('create', 'says of a session of the same id that it was created', EXISTS, (was, store) => ({
    create: async (record, ...rest) =>
      store.exists(record.id) ? { outcome: 'created', evicted: [] } : was.create(record, ...rest),
  })),
  mutant('create', 'lists a session that it refuses', EXISTS, (was, store) => {
    const listed = new Map<string, string>();
    return {
      create: (record, ...rest) => {
        listed.set(record.subject ?? '', record.id);
        return was.create(record, ...rest);
      },
      of: (subject) => {
        const live = was.of(subject);
        const also = store.live(listed.get(subject) ?? '');
        return also && !live.includes(also) ? [...live, also] : live;
      },
    };
  }),
  mutant(
    'create',
    'looks for a session of the same id and inserts later',
    'lets one of many creates of the same id win',
    (was, store) => ({
      create: async (record, ...rest) => {
        const exists = store.exists(record.id);
        await hop();
        if (!exists) store.engine.entries.delete(record.id);
        return was.create(record, ...rest);
      },
    }),
  ),
  mutant('load', 'compares ids without case', 'distinguishes ids that differ only in case', (was, store) => ({
    load: async (id) => {
      const found = [...store.engine.entries.keys()].find((key) => key.toLowerCase() === id.toLowerCase());
      return was.load(found ?? id);
    },
  })),
  mutant('time', 'tells seconds', MILLISECONDS, (was) => ({ time: async () => was.now() / 1_000 })),
  mutant('load', 'tells the time in seconds', MILLISECONDS, (was) => ({
    load: async (id) => {
      const found = await was.load(id);
      return found && 'record' in found ? { ...found, time: was.now() / 1_000 } : found;
    },
  })),
  mutant('load', 'tells no time although the store has a clock', BOTH_CLOCKS, (was) => ({
    load: async (id) => {
      const found = await was.load(id);
      return found && 'record' in found ? { record: found.record } : found;
    },
  })),
  mutant('time', 'is missing although each load tells the time', BOTH_CLOCKS, () => ({
    time: undefined,
  })),
  mutant('load', 'tells the time of the first load', NOW, (was) => {
    let first: number | undefined;
    return {
      load: async (id) => {
        const found = await was.load(id);
        return found && 'record' in found ? { ...found, time: (first ??= was.now()) } : found;
      },
    };
  }),
  mutant('time', 'tells the time at which the store was made', NOW, (was) => {
    const start = was.now();
    return { time: async () => start };
  }),
];
