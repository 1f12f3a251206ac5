import { MemoryStore } from 'nest-sessions';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import { describeEveryStore } from '../../support/every-store.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { protocolSpecs } from './protocol.specs.js';

afterEach(closeAll);

describeEveryStore('a device-bound session', (platform, make) => protocolSpecs(platform, make));

/** The formats for compatibility once each: what an adapter does is the same for all of them. */
const FORMATS = [
  ...platforms.map(([platform]) => [platform, 'sealed'] as const),
  ['express', 'liu'] as const,
  ['fastify', 'scs'] as const,
];

describe.each(FORMATS)(
  'a device-bound session on %s in a sealed cookie of the format %s',
  (platform, format) => {
    protocolSpecs(platform, () =>
      Promise.resolve(
        new SealedCookie({ format, revocations: new MemoryRevocations(), index: new MemoryStore() }),
      ),
    );
  },
);
