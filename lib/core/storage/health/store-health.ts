import type { StorePart } from '../../events/events.js';
import { AccessHealth, type HealthContext } from './access-health.js';
import type { CallReport } from '../store.js';

/** Whether the calls of a store succeed. Each call is reported once; a success costs one comparison. */
export class StoreHealth {
  readonly read: AccessHealth;
  readonly write: AccessHealth;

  constructor(part: StorePart, context: HealthContext) {
    this.read = new AccessHealth(part, 'read', context);
    this.write = new AccessHealth(part, 'write', context);
  }
}

/** Reports how a call ends, and passes on its result. */
export async function reported<T>(report: CallReport, call: Promise<T>): Promise<T> {
  try {
    const result = await call;
    report.succeeded();
    return result;
  } catch (error) {
    report.failed(error);
    throw error;
  }
}
