import { Controller, Get } from '@nestjs/common';
import { Passive, Session } from 'nest-sessions';
import { Freshness } from './freshness.js';

@Controller('account/freshness')
export class FreshnessController {
  constructor(private readonly freshness: Freshness) {}

  /** Asked by the countdown time and again. Passive: a page left open must not keep its session alive. */
  @Get()
  @Passive()
  show(@Session() session: Session): { secondsLeft: number } {
    return { secondsLeft: this.freshness.secondsLeft(session) };
  }
}
