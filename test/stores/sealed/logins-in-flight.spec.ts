import { MemoryStore } from 'nest-sessions';
import { SealedCookie, type RevocationList } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import type { SessionBackend, BackendContext } from '../../../lib/core/storage/backend.js';
import { subjectRevocationOf } from '../../../lib/revocations/revocation-list.js';
import { Signer } from '../../../lib/core/token/signer.js';
import { gate, type Gate } from '../../support/gate.js';
import { SECRET } from '../../support/platforms.js';
import { describeHost, hosts, startHost, type RevocationHost } from '../../support/revocation-hosts.js';

const LIMITS = { idle: 30 * 60_000, lifetime: 31 * 86_400_000 };

/** An index whose create and list can be held. */
class SlowIndex extends MemoryStore {
  held: Gate | undefined;
  heldList: Gate | undefined;

  override create(...args: Parameters<MemoryStore['create']>): ReturnType<MemoryStore['create']> {
    const { held } = this;
    if (!held) return super.create(...args);
    return held.pass().then(() => super.create(...args)) as never;
  }

  override list(...args: Parameters<MemoryStore['list']>): ReturnType<MemoryStore['list']> {
    const { heldList } = this;
    if (!heldList) return super.list(...args);
    return heldList.pass().then(() => super.list(...args)) as never;
  }
}

for (const [name] of hosts)
  describeHost(name, `logins while all sessions are revoked, over a list in ${name}`, () => {
    let host: RevocationHost;
    let clock: FakeClock;
    const backends: SessionBackend[] = [];

    beforeAll(async () => {
      host = await startHost(name);
    }, 60_000);
    beforeEach(() => (clock = new FakeClock()));
    afterEach(async () => {
      for (const backend of backends.splice(0)) await backend.close();
    });
    afterAll(() => host.stop(), 60_000);

    async function node(index?: SlowIndex): Promise<SessionBackend & { list_: RevocationList }> {
      const list = await host.list();
      const context: BackendContext = {
        secrets: [SECRET],
        signer: new Signer([SECRET], 'session', 66),
        cookieName: 'session',
        limitsOf: () => LIMITS,
        countsSessions: false,
        timeout: 5_000,
        clock,
        clockInjected: true,
        warn: () => undefined,
      };
      const backend = new SealedCookie({ revocations: list, ...(index && { index }) }).createBackend(context);
      backends.push(backend);
      await list.sync();
      return Object.assign(backend, { list_: list });
    }

    let subjects = 0;
    const newSubject = () => `subject-${name}-${++subjects}`;

    async function login(
      backend: SessionBackend,
      subject: string,
      proof = backend.proof(subject),
    ): Promise<string> {
      const now = clock.now();
      const provedAt = proof(0);
      const draft = {
        id: (++subjects).toString().padStart(22, 'A'),
        secretHash: '',
        revision: 0,
        subject,
        factors: { pwd: Math.floor(provedAt) },
        createdAt: now,
        startedAt: now,
        lastSeenAt: now,
        rotatedAt: now,
        remember: false,
        data: {},
      };
      const { handle } = await backend.create(draft, LIMITS.idle, {}, { provedAt });
      return handle.token!;
    }

    const opens = async (backend: SessionBackend & { list_: RevocationList }, token: string) => {
      await backend.list_.sync();
      return (await backend.open(token, {})).kind === 'live';
    };

    const refused = { code: 'ERR_LOGIN_REVOKED' };

    it('a login right after the revocation succeeds on both nodes, and the next revocation ends it', async () => {
      const [one, two] = [await node(), await node()];
      const subject = newSubject();
      for (let i = 0; i < 3; i++) {
        await one.destroyAll(subject, [], () => undefined);
        const tokens = [await login(one, subject), await login(two, subject)];
        for (const token of tokens)
          expect([await opens(one, token), await opens(two, token)]).toEqual([true, true]);
        await two.destroyAll(subject, [], () => undefined);
        for (const token of tokens)
          expect([await opens(one, token), await opens(two, token)]).toEqual([false, false]);
      }
    });

    it('a login that began before the revocation and reads the list after it is refused', async () => {
      const [one, two] = [await node(), await node()];
      const subject = newSubject();
      const proof = one.proof(subject);
      await two.destroyAll(subject, [], () => undefined);
      await expect(login(one, subject, proof)).rejects.toMatchObject(refused);
      expect(await opens(one, await login(one, subject))).toBe(true);
    });

    it('a login in progress is also refused if the revocations keep other sessions', async () => {
      const [one, two] = [await node(), await node()];
      const subject = newSubject();
      const proof = one.proof(subject);
      await two.destroyAll(subject, ['B'.repeat(22)], () => undefined);
      await one.destroyAll(subject, ['C'.repeat(22)], () => undefined);
      await expect(login(two, subject, proof)).rejects.toMatchObject(refused);
    });

    it('a login that read the list before the revocation and completes after it gets a void token', async () => {
      const index = new SlowIndex();
      const [one, two] = [await node(index), await node()];
      const subject = newSubject();
      // Both know earlier revocations, so that the token is issued later than now.
      await two.destroyAll(subject, [], () => undefined);
      await two.destroyAll(subject, [], () => undefined);
      index.held = gate();
      const pending = login(one, subject);
      await index.held.reached;
      await two.destroyAll(subject, [], () => undefined);
      index.held.open();
      expect(await opens(one, await pending)).toBe(false);
    });

    it('a login whose query of the list took long gets a void token, if the revocation came after the query', async () => {
      const [one, two] = [await node(), await node()];
      const subject = newSubject();
      const reply = delayNextReply(one.list_);
      const pending = login(one, subject);
      await reply.reached;
      clock.advance(100);
      await two.destroyAll(subject, [], () => undefined);
      // Longer than the revocation is dated ahead, for clocks that differ.
      clock.advance('10s');
      reply.open();
      const token = await pending;
      expect([await opens(one, token), await opens(two, token)]).toEqual([false, false]);
      expect(await opens(one, await login(one, subject))).toBe(true);
    });

    /** The list is read at once, and the caller learns it later. Notices of writes meanwhile are lost. */
    function delayNextReply(list: RevocationList): Gate {
      const reply = gate();
      const sync = list.sync.bind(list);
      let held = false;
      list.sync = async () => {
        if (held) return;
        held = true;
        await sync();
        await reply.pass();
        list.sync = sync;
      };
      return reply;
    }

    it('a login that knew more revocations than the revoking node gets a void token', async () => {
      const index = new SlowIndex();
      const [one, two, three] = [await node(index), await node(), await node()];
      const subject = newSubject();
      // Node two has read the list, and is held before it writes.
      const { list_: list } = two;
      const before = gate();
      const add = list.add.bind(list);
      let first = true;
      list.add = async (revocation) => {
        if (first) {
          first = false;
          await before.pass();
        }
        return add(revocation);
      };
      await three.destroyAll(subject, [], () => undefined);
      index.held = gate();
      const proof = one.proof(subject);
      const revoking = two.destroyAll(subject, ['B'.repeat(22)], () => undefined);
      await before.reached;
      await three.list_.add(revocationLike(subject));
      const pending = login(one, subject, proof);
      await index.held.reached;
      before.open();
      await revoking;
      index.held.open();
      expect(await opens(one, await pending)).toBe(false);
    });

    /** A revocation by a node whose clock is ahead, which began before the login. */
    const revocationLike = (subject: string) =>
      subjectRevocationOf(subject, clock.now() + 1_500, clock.now() + 3_600_000, { at: clock.now() - 1 });

    it('the index refuses a login that is held before it, and lists nothing', async () => {
      const index = new SlowIndex();
      const one = await node(index);
      const subject = newSubject();
      index.held = gate();
      const pending = login(one, subject);
      await index.held.reached;
      await one.destroyAll(subject, [], () => undefined);
      index.held.open();
      await expect(pending).rejects.toMatchObject(refused);
      expect(await one.list(subject)).toEqual([]);
    });

    it('a login of the same millisecond, later than the revocation that removes it from the index, is ended', async () => {
      const index = new SlowIndex();
      const [one, two] = [await node(index), await node(index)];
      const subject = newSubject();
      index.heldList = gate();
      const ended: string[] = [];
      const revoking = one.destroyAll(subject, [], ({ id }) => ended.push(id));
      await index.heldList.reached;
      const token = await login(two, subject);
      index.heldList.open();
      await revoking;
      index.heldList = undefined;
      expect([await opens(one, token), await opens(two, token)]).toEqual([false, false]);
      expect(await one.list(subject)).toEqual([]);
      expect(ended).toHaveLength(1);
    });

    it('a login of a later millisecond stays, and is listed', async () => {
      const index = new SlowIndex();
      const [one, two] = [await node(index), await node(index)];
      const subject = newSubject();
      index.heldList = gate();
      const revoking = one.destroyAll(subject, [], () => undefined);
      await index.heldList.reached;
      clock.advance(1);
      const token = await login(two, subject);
      index.heldList.open();
      await revoking;
      index.heldList = undefined;
      expect([await opens(one, token), await opens(two, token)]).toEqual([true, true]);
      expect(await one.list(subject)).toHaveLength(1);
    });
  });
