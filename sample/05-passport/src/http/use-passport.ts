import type { INestApplication } from '@nestjs/common';
import passport from 'passport';

/** As the recipe has it in main.ts. It is the same before and after the switch. */
export function usePassport(app: INestApplication): void {
  app.use(passport.initialize());
  app.use(passport.session());
}
