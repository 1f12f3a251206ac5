import { RedisRevocations, type RedisClient } from 'nest-sessions/redis';
import { newId } from '../../../lib/core/token/ids.js';
import { revocationOf, subjectRevocationOf } from '../../../lib/revocations/revocation-list.js';
import { systemClock } from '../../../lib/core/util/clock.js';
import { closeClients, ioRedisCluster, nodeRedisCluster } from '../../support/redis-clients.js';
import { describeWithRedis, START_TIMEOUT, startRedisCluster, stopServers } from '../../support/servers.js';
import { until } from '../../support/until.js';

const HOUR = 3_600_000;
const terms = { why: 'ended', grace: 0, honoured: false } as const;

describeWithRedis('a revocation list in a Redis cluster', () => {
  let ports: number[];
  const lists: RedisRevocations[] = [];

  beforeAll(async () => {
    ports = (await startRedisCluster()).map(({ port }) => port);
  }, START_TIMEOUT);

  afterAll(async () => {
    for (const list of lists) await list.close();
    closeClients();
    await stopServers();
  });

  function listOver(client: RedisClient): RedisRevocations {
    const list = new RedisRevocations({ client });
    list.bind({ clock: systemClock, clockInjected: false, timeout: 10_000, warn: () => undefined });
    lists.push(list);
    return list;
  }

  it('is the same through both drivers, and of two equal entries one is added', async () => {
    const [one, two] = [listOver(await nodeRedisCluster(ports)), listOver(await ioRedisCluster(ports))];
    await Promise.all([one.sync(), two.sync()]);
    expect(one.epoch).toMatch(/^[\w-]{8}$/);
    expect(two.epoch).toBe(one.epoch);
    const now = systemClock.now();
    const ids = Array.from({ length: 50 }, newId);
    const token = (id: string) => ({ id, version: 0, subject: 'alice', issuedAt: now, epoch: one.epoch });
    const results = await Promise.all(
      ids.flatMap((id) => [one, two].map((list) => list.add(revocationOf(id, now + HOUR, terms)))),
    );
    // Of two nodes that revoke the same session, one is first.
    expect(results.filter((added) => added)).toHaveLength(50);
    for (const list of [one, two])
      await until(() => ids.every((id) => !list.check(token(id)).live), 'each knows all of them');
    expect(one.check(token(newId())).live).toBe(true);
    await one.add(subjectRevocationOf('alice', now, now + HOUR));
    await until(() => !two.check(token(newId())).live, 'the subject');
  });
});
