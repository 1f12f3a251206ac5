import {
  Inject,
  Injectable,
  Logger,
  type HttpServer,
  type MiddlewareConsumer,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { takenRoutes } from '../device/taken-routes.js';
import type { SessionSettings } from '../options/session.settings.js';
import { SESSION_SETTINGS } from '../options/tokens.js';
import { CookiePath } from './cookie-path.js';
import { excludeWarning } from './exclude-check.js';
import { ExcludeProbe } from './exclude-probe.js';
import { guardedExclusions } from './guarded-exclusions.js';
import { RouteTable } from './route-table.js';

const logger = new Logger('nest-sessions');

/** Compares the options `exclude` and `cookie.path` with the routes, once these are known, and warns of what cannot be meant. */
@Injectable()
export class RouteChecks implements OnApplicationBootstrap {
  readonly #settings: SessionSettings;
  readonly #cookiePath: CookiePath;
  readonly #modules: ModulesContainer;
  readonly #table = new RouteTable();
  #probes: readonly ExcludeProbe[] = [];

  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    @Inject(CookiePath) cookiePath: CookiePath,
    @Inject(ModulesContainer) modules: ModulesContainer,
  ) {
    this.#modules = modules;
    this.#settings = settings;
    this.#cookiePath = cookiePath;
  }

  /** To be called before the routes are registered, by applications that have an HTTP adapter. */
  watch(adapter: HttpServer, consumer: MiddlewareConsumer): void {
    this.#table.watch(adapter);
    this.#probes = this.#settings.exclude.map((entry) => new ExcludeProbe(entry, consumer));
  }

  onApplicationBootstrap(): void {
    const { routes } = this.#table;
    const isExcluded = (method: string, path: string): boolean =>
      this.#probes.some((probe) => probe.matches(method, path));
    const withSession = routes.filter(({ method, path }) => !isExcluded(method, path));
    const warnings = [
      this.#cookiePath.observe(withSession),
      ...this.#probes.map((probe) =>
        excludeWarning({ entry: probe.entry, matches: (...request) => probe.matches(...request) }, routes),
      ),
      ...guardedExclusions(this.#modules, routes, ({ method, path }) => isExcluded(method, path)),
    ];
    const { device } = this.#settings;
    if (device) warnings.push(...takenRoutes(device, routes));
    for (const warning of warnings) if (warning !== undefined) logger.warn(warning);
  }
}
