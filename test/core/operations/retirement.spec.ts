import { Retirement, type Retired } from '../../../lib/core/operations/retirement.js';
import { DAY, HOUR, OldLibrary, REMEMBERED, SECOND, switching } from './switching.js';

const MINUTE = 60 * SECOND;
const TIMEOUT = 5 * SECOND;
/** As long as a browser keeps a cookie. */
const LONGEST = 400 * DAY;

interface Old {
  keepOld?: boolean;
  /** In milliseconds. */
  expiresIn?: number | 'unknown';
}

/** A session of another library, and one here that took it over but has not been settled yet. */
async function retiring({ keepOld = false, expiresIn = HOUR }: Old = {}) {
  const library = new OldLibrary({ keepOld });
  const node = switching([library]);
  const { clock, backend, store, context } = node;
  const { claims } = backend;
  const claim = library.claim('k');
  const expiresAt = expiresIn === 'unknown' ? undefined : clock.now() + expiresIn;
  library.add('k', { subject: 'alice' }, { expiresAt });
  const there = library.sessions.get('k')!;
  const retired: Retired = { source: library, old: library.credential('k'), claim };
  const create = async (of = claim) => {
    const draft = context.draft(clock.now(), { subject: 'alice' });
    return (await claims.create(of, draft, DAY, { now: clock.now(), pendingFor: HOUR }))!.handle;
  };

  /** What the store keeps of the old session: `marked`, or `sealed` once all was done. */
  const kept = () => {
    const found = store.load(claim.marker);
    return found && ('ended' in found ? `sealed ${found.ended}` : 'marked');
  };

  /** What is kept for so many milliseconds, and nothing after them. */
  const keptFor = (milliseconds: number) => {
    clock.advance(milliseconds);
    const before = kept();
    clock.advance(1);
    expect(kept()).toBeUndefined();
    return before;
  };
  const opens = async () => (await claims.open(claim)).kind;
  return {
    ...node,
    library,
    claims,
    claim,
    retired,
    there,
    create,
    kept,
    keptFor,
    opens,
    by: await create(),
  };
}

const down = () => Promise.reject(new Error('the old store is down'));
const unavailable = expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE' }) as Error;

describe('an old session that came over', () => {
  it('is marked, ended and sealed, and the session that took it over opens', async () => {
    const { context, library, retired, there, by, claim, kept, opens } = await retiring();
    expect(await opens()).toBe('unsettled');
    const settled = await new Retirement(context).settle(retired, there, by);
    expect(settled!.record).toMatchObject({ id: claim.id, previous: { honoured: true } });
    expect(library.calls).toEqual(['end k']);
    expect(kept()).toBe('sealed replaced');
    expect(await opens()).toBe('live');
  });

  it('goes on where it is to be kept', async () => {
    const { context, library, retired, there, by, kept } = await retiring({ keepOld: true });
    await new Retirement(context).settle(retired, there, by);
    expect(library.calls).toEqual([]);
    expect(kept()).toBe('sealed replaced');
  });

  it.each<[string, Old & { fails?: boolean }, number]>([
    ['until it expires', {}, HOUR],
    ['for a minute more if it expires at once, as clocks differ', { expiresIn: 1 }, MINUTE],
    ['for a minute if it has just expired', { expiresIn: -HOUR }, MINUTE],
    ['as long as a session may last here, once it was ended', { expiresIn: 'unknown' }, REMEMBERED.lifetime],
    ['as long as a cookie may last, if it goes on', { expiresIn: 'unknown', keepOld: true }, LONGEST],
    [
      'as long as a cookie may last, if it could not be ended',
      { expiresIn: 'unknown', fails: true },
      LONGEST,
    ],
  ])('is remembered %s', async (_, { fails = false, ...old }, milliseconds) => {
    const { context, library, retired, there, by, keptFor } = await retiring(old);
    if (fails) library.ending = down;
    expect(await new Retirement(context).settle(retired, there, by)).toBeDefined();
    expect(keptFor(milliseconds)).toBe('sealed replaced');
  });

  it('belongs to the first that took it over: another one gets nothing, and does not seal it', async () => {
    const { context, retired, there, by, claims, claim, create, kept, library } = await retiring();
    const retirement = new Retirement(context);
    await claims.mark(claim, HOUR, (await create(library.claim('other'))).record);
    expect(await retirement.settle(retired, there, by)).toBeUndefined();
    expect(kept()).toBe('marked');
    expect(library.calls).toEqual(['end k']);
  });

  it('is of nobody if the session that took it over has ended meanwhile', async () => {
    const { context, retired, there, by, backend, kept } = await retiring();
    await backend.destroy(by);
    expect(await new Retirement(context).settle(retired, there, by)).toBeUndefined();
    expect(kept()).toBe('sealed replaced');
  });
});

describe('a session whose creator has not settled it', () => {
  it.each([false, true])(
    'is settled by another request, and the old one ended unless kept (%s)',
    async (keepOld) => {
      const { context, retired, there, by, kept, opens, library } = await retiring({ keepOld });
      await new Retirement(context).decide(retired, by, there);
      expect(await opens()).toBe('live');
      expect(kept()).toBe('marked');
      expect(library.calls).toEqual(keepOld ? [] : ['end k']);
    },
  );

  it('is settled although the old one cannot be ended', async () => {
    const { context, retired, there, by, opens, library } = await retiring();
    library.ending = down;
    await new Retirement(context).decide(retired, by, there);
    expect(await opens()).toBe('live');
  });

  it.each([
    [true, HOUR],
    [false, LONGEST],
  ])('is remembered by the end of the old one where that is there (%s)', async (isThere, milliseconds) => {
    const { context, retired, there, by, keptFor } = await retiring();
    await new Retirement(context).decide(retired, by, isThere ? there : undefined);
    expect(keptFor(milliseconds)).toBe('marked');
  });

  it('ends if another one took the old one over before', async () => {
    const { context, retired, there, by, claims, claim, create, opens, library } = await retiring();
    await claims.mark(claim, HOUR, (await create(library.claim('other'))).record);
    await new Retirement(context).decide(retired, by, there);
    expect(await opens()).toBe('rejected');
    expect(library.calls).toEqual([]);
  });

  it('goes on if its creator has settled and sealed it meanwhile', async () => {
    const { context, retired, there, by, opens } = await retiring();
    const retirement = new Retirement(context);
    await retirement.settle(retired, there, by);
    await retirement.decide(retired, by, there);
    expect(await opens()).toBe('live');
  });

  it('does not end a later one that has taken its place', async () => {
    const { context, retired, there, by, backend, create, claims, claim, opens, library } = await retiring();
    await backend.destroy(by);
    await create();
    await claims.mark(claim, HOUR, (await create(library.claim('other'))).record);
    await new Retirement(context).decide(retired, by, there);
    expect(await opens()).toBe('unsettled');
  });
});

describe('a request that joins a session which another one created', () => {
  const later = async (keepOld: boolean, milliseconds: number) => {
    const all = await retiring({ keepOld });
    const { clock, claims, by, context, retired, there } = all;
    const settled = (await claims.settle(by))!;
    clock.advance(milliseconds);
    const join = () => new Retirement(context).settleAfter(retired, there, settled, clock.now());
    return { ...all, settled, join };
  };

  it.each([false, true])(
    'marks the old one and ends it unless kept (%s), and leaves the seal to its creator',
    async (keepOld) => {
      const { join, kept, keptFor, library } = await later(keepOld, 10 * TIMEOUT - 1);
      await join();
      expect(kept()).toBe('marked');
      expect(library.calls).toEqual(keepOld ? [] : ['end k']);
      expect(keptFor(HOUR - (10 * TIMEOUT - 1))).toBe('marked');
    },
  );

  it('does nothing where it is marked', async () => {
    const { join, kept, library, claims, claim, settled } = await later(false, SECOND);
    await claims.mark(claim, HOUR, settled.record);
    await join();
    expect(kept()).toBe('marked');
    expect(library.calls).toEqual([]);
  });

  it('marks it although it cannot be ended', async () => {
    const { join, kept, library } = await later(false, SECOND);
    library.ending = down;
    await join();
    expect(kept()).toBe('marked');
  });

  it('seals it once its creator has had its time', async () => {
    const { join, kept, library, claims, claim, settled } = await later(false, 10 * TIMEOUT);
    await claims.mark(claim, HOUR, settled.record);
    await join();
    expect(kept()).toBe('sealed replaced');
    expect(library.calls).toEqual(['end k']);
  });
});

describe('an old session that is to end', () => {
  it('is ended and sealed, also where it is kept beside ours', async () => {
    const { context, retired, there, keptFor, library } = await retiring({ keepOld: true });
    await new Retirement(context).end(retired, there);
    expect(library.calls).toEqual(['end k']);
    expect(keptFor(HOUR)).toBe('sealed replaced');
  });

  it('is remembered as long as a session may last here, where its own end is unknown', async () => {
    const { context, retired, keptFor } = await retiring();
    await new Retirement(context).end(retired);
    expect(keptFor(REMEMBERED.lifetime)).toBe('sealed replaced');
  });

  it('stays marked for as long as a cookie may last, and the error is told, if it cannot be ended', async () => {
    const { context, retired, keptFor, library } = await retiring();
    library.ending = down;
    await expect(new Retirement(context).end(retired)).rejects.toThrow(unavailable);
    expect(keptFor(LONGEST)).toBe('marked');
  });

  it('has nothing to end where it is in a cookie alone', async () => {
    const { context, retired, there, kept, library } = await retiring();
    const { key, load } = retired.old;
    await new Retirement(context).end({ ...retired, old: { key, load } }, there);
    expect(kept()).toBe('sealed replaced');
    expect(library.calls).toEqual([]);
  });
});

describe('the store of another library', () => {
  it('is given the time of now', async () => {
    const { context, clock, retired } = await retiring();
    const times: number[] = [];
    const old = { key: 'k', load: (now: number) => void times.push(now) };
    expect(await new Retirement(context).load({ ...retired, old: old })).toBeUndefined();
    expect(times).toEqual([clock.now()]);
  });

  it.each<[string, () => Promise<never>]>([
    ['rejects', down],
    [
      'throws',
      () => {
        throw new Error('the old store is down');
      },
    ],
  ])('is unavailable where it %s, and its health tells it', async (_, fail) => {
    const { context, retired, claims } = await retiring();
    const failed: string[] = [];
    claims.health.read.failed = () => void failed.push('read');
    claims.health.write.failed = () => void failed.push('write');
    const retirement = new Retirement(context);
    const old = { key: 'k', load: fail, end: fail };
    await expect(retirement.load({ ...retired, old })).rejects.toThrow(unavailable);
    await expect(retirement.end({ ...retired, old })).rejects.toThrow(unavailable);
    expect(failed).toEqual(['read', 'write']);
  });
});
