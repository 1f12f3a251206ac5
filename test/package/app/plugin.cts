import { Injectable } from '@nestjs/common';
import { SessionService } from 'nest-sessions';

/** Stands for a CommonJS package that an application of ES modules uses: it requires the library. */
@Injectable()
export class Plugin {
  constructor(readonly sessions: SessionService) {}
}
