import { Controller, Get, UseGuards } from '@nestjs/common';
import fc from 'fast-check';
import { LoginGuard, MemoryStore, Session, type SessionModuleOptions } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../../support/app.js';
import { describeEveryStore } from '../../support/every-store.js';
import { closeAll, platforms, type PlatformName } from '../../support/platforms.js';
import { startBound } from './device.app.js';
import { Faults, faultyList, faultyStore } from './interleavings.faults.js';
import { story, World } from './interleavings.world.js';

@Controller()
class WhoController {
  @Get('who')
  @UseGuards(LoginGuard)
  who(@Session() session: Session) {
    return { id: session.id };
  }
}

/** More of them with DEVICE_RUNS. A failure names its seed, and what it was shrunk to. */
const runs = { numRuns: Number(process.env['DEVICE_RUNS'] ?? 30) };

let worlds = 0;

function interleavings(
  platform: PlatformName,
  make: (shared: string, faults: Faults) => Promise<SessionModuleOptions['store']>,
): void {
  // The second node of one platform is ahead, by less than the second that sealed cookies tolerate.
  const skew = platform === 'fastify' ? 900 : 0;

  it('whatever browsers and thieves do on two nodes: nobody gets in without the key, nobody honest is put out', async () => {
    const shared = `i${Date.now().toString(36)}${++worlds}`;
    const options = { idle: '2h', rotateEvery: '1m' } as const;
    const setup = { controllers: [AppController, WhoController] };
    const node = async () => {
      const faults = new Faults();
      const store = await make(shared, faults);
      return { ...(await startBound(platform, { ...options, store }, setup)), faults };
    };
    const nodes = [await node(), await node()];
    if (skew > 0) nodes[1]!.clock.advance(skew);
    await fc.assert(
      fc.asyncProperty(story, async (steps) => {
        const world = new World(nodes, `user${++worlds}`, skew);
        for (const ops of steps) await world.run(ops);
        for (const { faults } of nodes) await faults.clear();
      }),
      runs,
    );
    await closeAll();
  }, 300_000);
}

afterEach(closeAll);

describeEveryStore('device-bound sessions, interleaved', (platform, make) =>
  interleavings(platform, async (shared, faults) => faultyStore(await make(shared), faults)),
);

describe.each(platforms)('device-bound sessions, interleaved on %s in sealed cookies', (platform) => {
  describe.each([false, true])('with enforceRotation: %s', (enforceRotation) => {
    const shared = new Map<string, { revocations: MemoryRevocations; index: MemoryStore }>();
    interleavings(platform, (name, faults) => {
      const parts = shared.get(name) ?? { revocations: new MemoryRevocations(), index: new MemoryStore() };
      shared.set(name, parts);
      const { revocations, index } = parts;
      const list = faultyList(revocations, faults);
      return Promise.resolve(new SealedCookie({ revocations: list, index, enforceRotation }));
    });
  });
});
