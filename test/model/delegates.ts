import type { SessionBackend, SessionHandle } from '../../lib/core/storage/backend.js';
import type { RevocationList } from '../../lib/revocations/revocation-list.js';

/** A backend with some of its methods replaced. */
export function backendWith<H extends SessionHandle>(
  real: SessionBackend<H>,
  change: Partial<SessionBackend<H>>,
): SessionBackend<H> {
  return {
    cookieIsRecord: real.cookieIsRecord,
    open: (...args) => real.open(...args),
    isGenuine: (...args) => real.isGenuine(...args),
    now: () => real.now(),
    proof: (subject) => real.proof(subject),
    create: (...args) => real.create(...args),
    save: (...args) => real.save(...args),
    reload: (handle) => real.reload(handle),
    present: (handle) => real.present(handle),
    destroy: (...args) => real.destroy(...args),
    list: (subject) => real.list(subject),
    destroyById: (...args) => real.destroyById(...args),
    destroyAll: (...args) => real.destroyAll(...args),
    publish: (event) => real.publish(event),
    subscribe: (listener) => real.subscribe(listener),
    ping: () => real.ping(),
    close: () => real.close(),
    ...change,
  };
}

/** A list of revocations with some of its methods replaced. */
export function listWith(
  real: RevocationList,
  { lag, ...change }: Partial<Pick<RevocationList, 'fresh' | 'sync' | 'check' | 'add' | 'lag'>>,
): RevocationList {
  return {
    bind: (context) => real.bind(context),
    fresh: () => real.fresh(),
    sync: () => real.sync(),
    get epoch() {
      return real.epoch;
    },
    get lag() {
      return lag ?? real.lag;
    },
    get skew() {
      return real.skew;
    },
    check: (token) => real.check(token),
    revokedSince: (subject) => real.revokedSince(subject),
    revokedAt: (subject) => real.revokedAt(subject),
    add: (revocation) => real.add(revocation),
    close: () => real.close(),
    ...change,
  };
}
