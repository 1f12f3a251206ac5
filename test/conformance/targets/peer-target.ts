import { jest } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { LogSink } from '../../support/log-sink.js';
import { SECRET } from '../../support/platforms.js';
import type { Settings, Site, Target } from '../target.js';
import { Holds } from './holds.js';
import { PEER, PeerController } from './peer-app.js';
import { milliseconds, type PeerKind, type PeerStorage } from './peer.js';
import { Watch } from './watched.js';

/** Everything but the date goes on as it does. */
const REAL_TIMERS = [
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'requestAnimationFrame',
  'cancelAnimationFrame',
  'requestIdleCallback',
  'cancelIdleCallback',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
  'setTimeout',
  'clearTimeout',
] as const;

interface Parts {
  readonly storage: PeerStorage;
  readonly watch: Watch;
}

/** Another library, in a Nest application of its own. */
export class PeerTarget implements Target {
  readonly name: string;
  readonly title: string;
  readonly cookieName: string;
  readonly lacks: Target['lacks'];
  readonly notes: NonNullable<Target['notes']>;
  /** As a proxy in front of it would say. */
  readonly headers = { 'x-forwarded-proto': 'https' };
  readonly #kind: PeerKind;
  readonly #shared = new Map<string, Parts>();
  readonly #running: INestApplication[] = [];
  #now: number | undefined;

  constructor(kind: PeerKind) {
    this.#kind = kind;
    this.name = this.title = kind.name;
    this.cookieName = kind.cookieName;
    this.lacks = kind.lacks;
    this.notes = kind.notes ?? {};
  }

  async start(settings: Settings = {}): Promise<Site> {
    const parts = await this.#partsOf(settings.share);
    const holds = new Holds();
    const sink = new LogSink();
    const urls: string[] = [];
    for (let node = 0; node < (settings.nodes ?? 1); node++)
      urls.push(await this.#startNode(settings, parts.storage.store, holds, sink));
    const { storage, watch } = parts;
    return {
      urls,
      hold: () => holds.hold(),
      advance: (span) => this.#advance(milliseconds(span)),
      logs: () => sink.text,
      events: () => [],
      calls: () => ({ reads: watch.reads, writes: watch.writes }),
      forget: () => watch.forget(),
      dump: () => storage.dump(),
      wipe: () => storage.wipe(),
      fail: (which) => watch.fail(which),
      heal: () => watch.heal(),
    };
  }

  async close(): Promise<void> {
    for (const app of this.#running.splice(0)) await app.close();
    this.#shared.clear();
    this.#now = undefined;
    jest.useRealTimers();
  }

  async #startNode(settings: Settings, store: unknown, holds: Holds, sink: LogSink): Promise<string> {
    const { secret = SECRET, idle, cookie = {}, trustProxy = true } = settings;
    const secrets = typeof secret === 'string' ? [secret] : secret;
    const lasts = idle === undefined ? undefined : milliseconds(idle);
    const peer = await this.#kind.make({ secrets, cookie, idle: lasts, store });
    const module = await Test.createTestingModule({
      controllers: [PeerController],
      providers: [
        { provide: PEER, useValue: peer },
        { provide: Holds, useValue: holds },
      ],
    }).compile();
    const app = this.#create(module, trustProxy);
    app.useLogger(sink);
    try {
      await peer.install(app);
      await app.listen(0, '127.0.0.1');
    } catch (error) {
      await app.close();
      throw error;
    }
    this.#running.push(app);
    return app.getUrl();
  }

  #create(module: Compiled, trustProxy: boolean): INestApplication {
    if (this.#kind.platform === 'fastify')
      return module.createNestApplication<NestFastifyApplication>(new FastifyAdapter({ trustProxy }), {
        logger: false,
      });
    const app = module.createNestApplication<NestExpressApplication>(new ExpressAdapter(), { logger: false });
    app.set('trust proxy', trustProxy);
    return app;
  }

  /** These libraries know the time from `Date` alone. */
  #advance(by: number): void {
    const now = (this.#now ?? Date.now()) + by;
    if (this.#now === undefined) jest.useFakeTimers({ doNotFake: [...REAL_TIMERS], now });
    else jest.setSystemTime(now);
    this.#now = now;
  }

  async #partsOf(share: string | undefined): Promise<Parts> {
    const shared = share === undefined ? undefined : this.#shared.get(share);
    if (shared) return shared;
    const watch = new Watch();
    const parts = { storage: await this.#kind.storage(watch), watch };
    if (share !== undefined) this.#shared.set(share, parts);
    return parts;
  }
}

type Compiled = Awaited<ReturnType<ReturnType<typeof Test.createTestingModule>['compile']>>;
