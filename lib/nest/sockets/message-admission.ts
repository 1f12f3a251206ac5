import { Inject, Injectable, type ExecutionContext } from '@nestjs/common';
import { policyOf } from '../request/session.metadata.js';
import { adapterOf } from '../transports/adapters.js';
import { isActivity } from '../transports/session-of.js';
import type { SocketEntry } from './socket-entry.js';
import { SocketSessions } from './socket-sessions.js';

/** Admits each message with the session as it is now. */
@Injectable()
export class MessageAdmission {
  readonly #sockets: SocketSessions;
  /** Of messages that are being handled. All guards of a message have the same context. */
  readonly #admitted = new WeakSet<ExecutionContext>();

  constructor(@Inject(SocketSessions) sockets: SocketSessions) {
    this.#sockets = sockets;
  }

  has(context: ExecutionContext): boolean {
    return this.#admitted.has(context);
  }

  /** @throws what the client of the transport gets: 401 if the session is over, 403 for another site, 503 in an outage */
  async admit(context: ExecutionContext, socket: SocketEntry): Promise<boolean> {
    if (this.has(context)) return true;
    this.#admitted.add(context);
    const policy = policyOf(context);
    try {
      const session = await socket.ready;
      if (session.foreign && !policy.allowCrossOrigin) throw this.#sockets.refuseForeign(session.request);
      await session.refresh();
      session.declare(isActivity(context, policy));
      return true;
    } catch (error) {
      throw adapterOf(context).thrown(context, error);
    }
  }
}
