import { SealedCookie } from 'nest-sessions/sealed';
import { describeEveryStore } from './every-store.js';
import { platforms, type Site } from './platforms.js';

/** The same specs on every adapter, over every store and over sealed cookies. Servers are the suite's own. */
export function describeEverySite(name: string, specs: (site: Site) => void): void {
  describeEveryStore(name, (platform, make) => specs({ platform, store: () => make() }));
  describe.each(platforms)(`${name} on %s in sealed cookies`, (platform) => {
    specs({ platform, store: () => new SealedCookie() });
  });
}
