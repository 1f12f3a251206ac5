import { inspect } from 'node:util';
import { SessionService } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import type { SessionStore, SessionEvent, SessionModuleOptions } from 'nest-sessions';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, SECRET, start, type PlatformName } from '../../support/platforms.js';
import type { Lack, Capability, Settings, Site, Target } from '../target.js';
import { Holds } from './holds.js';
import { ConformanceController } from './ours-app.js';
import { Watch, type Kind } from './watched.js';

/** What keeps the sessions of one site, or of several that share it. */
export interface Kept {
  readonly store: SessionModuleOptions['store'];
  /** Without a list of revocations. */
  readonly unlisted?: SessionModuleOptions['store'];
  dump(): Promise<string>;
  wipe(): Promise<void>;
}

export interface Keeper {
  readonly name: string;
  readonly lacks: Readonly<Partial<Record<Capability, Lack>>>;
  /** New and empty, watched. */
  make(watch: Watch): Promise<Kept>;
}

const STORE_CALLS: Readonly<Record<string, Kind>> = {
  load: 'read',
  list: 'read',
  create: 'write',
  commit: 'write',
  destroy: 'write',
  markRevoked: 'write',
  evict: 'write',
};

/** Watches a store. The ids of all records are noted, so that they can be read and deleted. */
export class WatchedStore {
  readonly ids = new Set<string>();
  readonly store: SessionStore;

  constructor(
    readonly inner: SessionStore,
    watch: Watch,
  ) {
    const watched = watch.over(inner, STORE_CALLS);
    this.store = new Proxy(watched, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key !== 'create' || typeof value !== 'function') return value;
        return (...args: Parameters<SessionStore['create']>): unknown => {
          this.ids.add(args[0].id);
          return Reflect.apply(value, target, args);
        };
      },
    });
  }

  async records(): Promise<string> {
    const found: unknown[] = [];
    for (const id of this.ids) found.push(await this.inner.load(id));
    return inspect(found, { depth: 12, breakLength: Infinity }) + JSON.stringify(found);
  }

  async wipe(): Promise<void> {
    for (const id of this.ids) await this.inner.destroy(id);
  }
}

/** This library, on a platform, over what keeps its sessions. */
export class OurTarget implements Target {
  readonly cookieName = '__Host-session';
  readonly headers = {};
  readonly name: string;
  readonly title: string;
  readonly lacks: Target['lacks'];
  readonly #platform: PlatformName;
  readonly #keeper: Keeper;
  readonly #shared = new Map<string, { kept: Kept; watch: Watch; clock: FakeClock }>();

  constructor(platform: PlatformName, keeper: Keeper) {
    this.#platform = platform;
    this.#keeper = keeper;
    this.lacks = keeper.lacks;
    this.name = `${platform} ${keeper.name}`;
    this.title = `nest-sessions on ${platform} over ${keeper.name}`;
  }

  async start(settings: Settings = {}): Promise<Site> {
    const parts = await this.#partsOf(settings.share);
    const holds = new Holds();
    const sink = new LogSink();
    const events: SessionEvent[] = [];
    const urls: string[] = [];
    for (let node = 0; node < (settings.nodes ?? 1); node++) {
      const { url } = await start(this.#platform, {
        controllers: [ConformanceController],
        providers: [{ provide: Holds, useValue: holds }],
        options: optionsOf(settings, parts.kept, parts.clock),
        trustProxy: settings.trustProxy ?? false,
        prepare: (one) => {
          sink.attach(one);
          one.get(SessionService).events.subscribe((event) => {
            events.push(event);
            if (settings.throwingListener) throw new Error('a listener fails');
          });
        },
      });
      urls.push(url);
    }
    const { kept, watch, clock } = parts;
    return {
      urls,
      hold: () => holds.hold(),
      advance: (span) => clock.advance(span),
      logs: () => sink.text,
      events: () => events,
      calls: () => ({ reads: watch.reads, writes: watch.writes }),
      forget: () => watch.forget(),
      dump: () => kept.dump(),
      wipe: () => kept.wipe(),
      fail: (which) => watch.fail(which),
      heal: () => watch.heal(),
    };
  }

  async close(): Promise<void> {
    this.#shared.clear();
    await closeAll();
  }

  async #partsOf(share: string | undefined) {
    const shared = share === undefined ? undefined : this.#shared.get(share);
    if (shared) return shared;
    const watch = new Watch();
    const parts = { kept: await this.#keeper.make(watch), watch, clock: new FakeClock() };
    if (share !== undefined) this.#shared.set(share, parts);
    return parts;
  }
}

function optionsOf(settings: Settings, kept: Kept, clock: FakeClock): Partial<SessionModuleOptions> {
  const {
    nodes: _nodes,
    share: _share,
    trustProxy: _trustProxy,
    throwingListener: _throwing,
    unlisted,
    reloginUrl,
    secret = SECRET,
    ...same
  } = settings;
  return {
    ...same,
    secret,
    clock,
    store: unlisted ? kept.unlisted : kept.store,
    ...(reloginUrl !== undefined && { relogin: { url: reloginUrl } }),
  };
}
