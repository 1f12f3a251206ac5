import { hop, mutant, without } from './mutant.js';

const LIVE = 'knows the live sessions of a subject, and only those';
const SHOWS = 'shows what a commit wrote';
const APART = 'keeps subjects apart that resemble each other';
const PROPERTIES = 'takes subjects that are names of properties';
const LIMIT = 'lists no more than the limit, and those that were created first';
const ENDED = 'counts no session in the limit that has ended';
const PAGES = 'has shown all when page after page was destroyed';

const subjects =
  (change: (subject: string) => string): Parameters<typeof mutant>[3] =>
  (was, store) => ({
    list: async (subject, limit) =>
      [...store.engine.entries.values()]
        .filter(
          ({ record, expires }) => expires > was.now() && change(record.subject ?? '') === change(subject),
        )
        .map(({ record }) => was.copy(record))
        .slice(0, limit),
  });

/** An index beside the sessions, which a commit does not write. */
const indexed =
  (
    ...fields: ('lastSeenAt' | 'startedAt' | 'factors' | 'device' | 'rotatedAt')[]
  ): Parameters<typeof mutant>[3] =>
  (was) => {
    const index = new Map<string, object>();
    return {
      create: (record, ...rest) => {
        index.set(record.id, Object.fromEntries(fields.map((field) => [field, record[field]])));
        return was.create(record, ...rest);
      },
      list: async (subject, limit) =>
        (await was.list(subject, limit)).map((record) => ({ ...record, ...index.get(record.id) })),
    };
  };

export const listing = [
  mutant('list', 'lists nothing', LIVE, () => ({ list: async () => [] })),
  mutant('list', 'lists one session', LIVE, (was) => ({ list: async (subject) => was.list(subject, 1) })),
  mutant(
    'list',
    'lists the sessions of everybody',
    LIVE,
    subjects(() => ''),
  ),
  mutant('list', 'lists sessions without their factors', LIVE, (was) => ({
    list: async (subject, limit) =>
      (await was.list(subject, limit)).map((record) => ({ ...record, factors: {} })),
  })),
  mutant('list', 'lists sessions without their secret', LIVE, (was) => ({
    list: async (subject, limit) =>
      (await was.list(subject, limit)).map((record) => without(record, 'secretHash')),
  })),
  mutant('list', 'shows when a session was last seen at its create', SHOWS, indexed('lastSeenAt')),
  mutant('list', 'shows when a session began first', SHOWS, indexed('startedAt')),
  mutant('list', 'shows the factors of the create', SHOWS, indexed('factors')),
  mutant('list', 'shows the device of the create', SHOWS, indexed('device')),
  mutant('list', 'shows when a session was rotated at its create', SHOWS, indexed('rotatedAt')),
  mutant(
    'list',
    'trims subjects',
    APART,
    subjects((subject) => subject.trim()),
  ),
  mutant(
    'list',
    'compares subjects without case',
    APART,
    subjects((subject) => subject.toLowerCase()),
  ),
  mutant(
    'list',
    'compares subjects in a form of Unicode',
    APART,
    subjects((subject) => subject.normalize('NFC')),
  ),
  mutant(
    'list',
    'compares subjects up to a colon',
    APART,
    subjects((subject) => subject.split(':')[0]!),
  ),
  mutant(
    'list',
    'takes braces in a subject for a hash tag',
    APART,
    subjects((subject) => /\{(.+?)\}/.exec(subject)?.[1] ?? subject),
  ),
  mutant('list', 'keeps an index in an object', PROPERTIES, (was) => {
    const index: Record<string, string[]> = {};
    return {
      create: (record, ...rest) => {
        if (record.subject !== undefined) (index[record.subject] ??= []).push(record.id);
        return was.create(record, ...rest);
      },
    };
  }),
  mutant('list', 'takes names of properties for no subjects', PROPERTIES, (was) => ({
    of: (subject) => (subject in {} ? [] : was.of(subject)),
  })),
  mutant(
    'create',
    'refuses a subject of more than 200 characters',
    'takes a subject of 255 characters',
    (was) => ({
      create: async (record, ...rest) => {
        if ((record.subject?.length ?? 0) > 200) throw new Error('value too long');
        return was.create(record, ...rest);
      },
    }),
  ),
  mutant('create', 'cuts a subject at 200 characters', 'takes a subject of 255 characters', (was) => ({
    create: (record, ...rest) =>
      was.create(
        record.subject === undefined ? record : { ...record, subject: record.subject.slice(0, 200) },
        ...rest,
      ),
  })),
  mutant('list', 'ignores the limit', LIMIT, (was) => ({ list: (subject) => was.list(subject) })),
  mutant('list', 'lists one more than the limit', LIMIT, (was) => ({
    list: (subject, limit) => was.list(subject, limit === undefined ? limit : limit + 1),
  })),
  mutant('list', 'lists the sessions first that were created last', LIMIT, (was) => ({
    of: (subject) => was.of(subject).reverse(),
  })),
  mutant('list', 'lists nothing where there are fewer than the limit', LIMIT, (was) => ({
    list: async (subject, limit) => {
      const listed = await was.list(subject, limit);
      return limit !== undefined && listed.length < limit ? [] : listed;
    },
  })),
  mutant('list', 'counts in the limit what has ended', ENDED, (was, store) => {
    const all: [subject: string | undefined, id: string][] = [];
    return {
      create: (record, ...rest) => {
        all.push([record.subject, record.id]);
        return was.create(record, ...rest);
      },
      list: async (subject, limit) =>
        all
          .filter(([owner]) => owner === subject)
          .slice(0, limit)
          .map(([, id]) => store.live(id))
          .filter((record) => record !== undefined),
    };
  }),
  mutant('list', 'counts in the limit what has expired', ENDED, (was, store) => ({
    list: async (subject, limit) =>
      [...store.engine.entries.values()]
        .filter(({ record }) => record.subject === subject)
        .slice(0, limit)
        .filter(({ expires }) => expires > was.now())
        .map(({ record }) => was.copy(record)),
  })),
  mutant('list', 'lists no more than 1,000 sessions', PAGES, (was) => ({
    list: (subject, limit = 1_000) => was.list(subject, limit),
  })),
  mutant('list', 'answers the same page again', PAGES, (was) => {
    const pages = new Map<string, ReturnType<typeof was.list>>();
    return {
      list: async (subject, limit) => {
        const page = pages.get(subject) ?? was.list(subject, limit);
        if (limit !== undefined) pages.set(subject, page);
        return page;
      },
    };
  }),
  mutant('list', 'goes on behind the last page', PAGES, (was) => {
    const seen = new Map<string, number>();
    return {
      list: async (subject, limit) => {
        if (limit === undefined) return was.list(subject);
        const start = seen.get(subject) ?? 0;
        seen.set(subject, start + limit);
        return was.of(subject).slice(start, start + limit);
      },
    };
  }),
  mutant(
    'create',
    'lists a session some time after its create',
    'lists a session as soon as its create has returned',
    (was) => {
      const listed = new Set<string>();
      return {
        create: async (record, ...rest) => {
          const created = await was.create(record, ...rest);
          void hop().then(() => listed.add(record.id));
          return created;
        },
        of: (subject) => was.of(subject).filter(({ id }) => listed.has(id)),
      };
    },
  ),
  mutant(
    'list',
    'answers what it answered a moment ago',
    'lists a session as soon as its create has returned',
    (was) => {
      const answers = new Map<string, ReturnType<typeof was.list>>();
      return {
        list: async (subject, limit) => {
          const answer = answers.get(subject) ?? was.list(subject, limit);
          answers.set(subject, answer);
          return answer;
        },
      };
    },
  ),
];
