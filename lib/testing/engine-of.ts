import type { INestApplicationContext } from '@nestjs/common';
import type { SessionEngine } from '../core/engine.js';
import { SessionError } from '../core/util/errors.js';
import { SESSION_ENGINE } from '../nest/options/tokens.js';

/**
 * The engine of an application.
 *
 * @param owner the function that was called, with which an error begins
 * @throws SessionError `ERR_OPTIONS` if the application has no SessionModule
 */
export function engineOf(app: INestApplicationContext, owner: string): SessionEngine {
  try {
    return app.get<SessionEngine>(SESSION_ENGINE, { strict: false });
  } catch (cause) {
    throw new SessionError(
      'ERR_OPTIONS',
      `${owner}: this application has no SessionModule. Import SessionModule.forRoot() in the root module, or SessionTestingModule in a test.`,
      { cause },
    );
  }
}
