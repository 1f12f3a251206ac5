import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';

const logger = new Logger('nest-sessions');

/** A provider of `PassportSessions`, which is another entry of the package. */
export const PASSPORT_OPTIONS = Symbol.for('nest-sessions/passport-options');

/** The class of `@nestjs/passport` that an application extends to keep its users in sessions. */
const SERIALIZER = 'PassportSerializer';

/** At boot: a warning where Passport is to keep users in sessions, and nothing gives it `req.session`. */
@Injectable()
export class PassportMissing implements OnApplicationBootstrap {
  readonly #modules: ModulesContainer;
  readonly #host: HttpAdapterHost;

  /** @internal */
  constructor(
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
  ) {
    this.#modules = modules;
    this.#host = host;
  }

  onApplicationBootstrap(): void {
    const { httpAdapter } = this.#host as { httpAdapter?: object };
    const providers = [...this.#modules.values()].flatMap(({ providers: own }) => [...own]);
    if (!httpAdapter || providers.some(([token]) => token === PASSPORT_OPTIONS)) return;
    const serializer = providers.find(([, { metatype }]) => isSerializer(metatype));
    if (!serializer) return;
    logger.warn(
      `${(serializer[1].metatype as { name: string }).name} serializes users for Passport's sessions, but no module imports PassportSessions of nest-sessions/passport, so there is no req.session: passport.session() fails each request with "Did you forget to use \`express-session\` middleware?". Import PassportSessions beside SessionModule, see docs/passport.md. If other middleware makes req.session, nothing is to be done.`,
    );
  }
}

function isSerializer(type: unknown): boolean {
  for (let one = type; typeof one === 'function'; one = Object.getPrototypeOf(one) as unknown)
    if (one.name === SERIALIZER && one !== type) return true;
  return false;
}
