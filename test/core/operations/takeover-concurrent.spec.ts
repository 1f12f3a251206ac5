import { DAY, HOUR, OldLibrary, SECOND, subjectOf, switching } from './switching.js';

/** When a request has settled a takeover that it began, whatever became of it. */
const SETTLED = 10 * 5 * SECOND;

function switched(over = {}) {
  const library = new OldLibrary();
  library.add('k', { subject: 'alice' }, { expiresAt: Date.UTC(2031, 0, 1) });
  const node = switching([library], over);
  const { backend, context, clock, store } = node;
  const claim = library.claim('k');
  /** What a request does first that takes the session over, and then comes to nothing. */
  const created = async (of = claim) => {
    const draft = context.draft(clock.now(), { subject: 'alice' });
    const terms = { now: clock.now(), pendingFor: HOUR };
    return (await backend.claims.create(of, draft, DAY, terms))!.handle;
  };
  const marker = () => {
    const found = store.load(claim.marker);
    return found && ('ended' in found ? 'sealed' : 'marked');
  };
  return { ...node, library, claim, claims: backend.claims, created, marker };
}

describe('requests with one old session at the same time', () => {
  it('lead to one session, which is told once', async () => {
    const { visit, told, library, claim, cookieOf, marker } = switched();
    const states = await Promise.all([visit({ old: 'k' }), visit({ old: 'k' }), visit({ old: 'k' })]);
    expect(states.map(subjectOf)).toEqual(['alice', 'alice', 'alice']);
    expect(states.map(({ id }) => id)).toEqual([claim.id, claim.id, claim.id]);
    expect(new Set(states.map(cookieOf)).size).toBe(1);
    for (const { takenOver } of states) expect(takenOver!.removals).toEqual(library.removals);
    expect(told()).toEqual(['created', 'migrated']);
    expect([library.sessions.size, marker()]).toEqual([0, 'sealed']);
  });
});

describe('a request with an old session that another one began to take over', () => {
  it('joins the session, also if the other one came to nothing right after it created it', async () => {
    const { visit, created, told, claim, library, marker } = switched();
    await created();
    const state = await visit({ old: 'k' });
    expect([state.id, subjectOf(state), told()]).toEqual([claim.id, 'alice', []]);
    expect([library.sessions.size, marker()]).toEqual([0, 'marked']);
  });

  it('leaves the rest to the other one as long as that may go on, and does it afterwards', async () => {
    const { visit, created, claims, claim, library, marker, clock } = switched();
    const handle = await created();
    await claims.mark(claim, DAY, handle.record);
    await claims.settle(handle);
    clock.advance(SETTLED - 1);
    expect(subjectOf(await visit({ old: 'k' }))).toBe('alice');
    expect([library.sessions.size, marker()]).toEqual([1, 'marked']);
    clock.advance(1);
    expect(subjectOf(await visit({ old: 'k' }))).toBe('alice');
    expect([library.sessions.size, marker()]).toEqual([0, 'sealed']);
  });

  it('is of nobody, and ends both, if the old one had come over before', async () => {
    const { visit, created, claims, claim, library, store } = switched();
    await created();
    await claims.mark(claim, DAY, (await created(library.claim('another'))).record);
    const state = await visit({ old: 'k' });
    expect(state.state.kind).toBe('anonymous');
    expect(state.takenOver!.removals).toEqual(library.removals);
    expect([store.load(claim.id), library.sessions.size]).toEqual([undefined, 0]);
  });

  it('ends what it created if the old one came over meanwhile, and that session has ended', async () => {
    const { visit, claims, claim, library, store, told } = switched();
    const create = claims.create.bind(claims);
    claims.create = async (...given) => {
      const mine = await create(...given);
      await claims.mark(
        claim,
        DAY,
        (await create(library.claim('another'), given[1], DAY, given[3]))!.handle.record,
      );
      return mine;
    };
    const state = await visit({ old: 'k' });
    expect([state.state.kind, told()]).toEqual(['anonymous', []]);
    expect(store.load(claim.id)).toBeUndefined();
  });

  it('takes nothing over a second time where the record of the first cannot be read', async () => {
    const { visit, claims, claim, library, told } = switched();
    claims.open = () => Promise.resolve({ kind: 'rejected', why: 'corrupt', id: claim.id });
    const state = await visit({ old: 'k' });
    expect([state.state.kind, told()]).toEqual(['anonymous', []]);
    expect(state.takenOver!.removals).toEqual(library.removals);
    expect(library.sessions.size).toBe(0);
  });

  it('is of nobody where the client is another one, whose session ends', async () => {
    const protect = (now: { ip?: string }, then: { ip?: string }) => (now.ip === then.ip ? 'ok' : 'end');
    const { visit, library, told } = switched({ protect });
    await visit({ old: 'k' });
    told();
    library.add('k', { subject: 'alice' });
    const state = await visit({ old: 'k' }, { ip: '192.0.2.2' });
    expect([state.state.kind, state.takenOver]).toEqual(['anonymous', undefined]);
    expect(told()).toEqual(['suspicious', 'ended protection']);
  });
});
