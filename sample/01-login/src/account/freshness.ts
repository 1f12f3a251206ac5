import { Injectable } from '@nestjs/common';
import type { Session } from 'nest-sessions';
import { Settings } from '../settings.js';

/** How much is left of the re-login window. It is what the countdown shows; ReloginGuard alone decides. */
@Injectable()
export class Freshness {
  constructor(private readonly settings: Settings) {}

  get windowSeconds(): number {
    return this.settings.reloginWindow / 1000;
  }

  secondsLeft(session: Session): number {
    const provedAt = session.authenticatedAt()?.getTime() ?? 0;
    const now = this.settings.clock?.now() ?? Date.now();
    return Math.max(0, Math.floor((provedAt + this.settings.reloginWindow - now) / 1000));
  }
}
