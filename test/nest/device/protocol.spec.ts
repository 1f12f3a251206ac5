import { MemoryStore } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { describeEveryStore } from '../../support/every-store.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { protocolSpecs } from './protocol.specs.js';

afterEach(closeAll);

describeEveryStore('a device-bound session', (platform, make) => protocolSpecs(platform, make));

describe.each(platforms)('a device-bound session on %s in a sealed cookie', (platform) => {
  protocolSpecs(platform, () =>
    Promise.resolve(new SealedCookie({ revocations: new MemoryRevocations(), index: new MemoryStore() })),
  );
});
