import type { BackendContext } from './backend.js';
import type { CallReports, StoreContext } from './store.js';

/** What a store or a list needs of the module's options, and nothing more: it never sees the secrets. */
export function storeContextOf(
  context: BackendContext,
  health: CallReports,
): StoreContext & { timeout: number } {
  const { clock, clockInjected, noticeKeys, timeout } = context;
  return {
    clock,
    clockInjected,
    ...(noticeKeys && { noticeKeys }),
    timeout,
    warn: (message) => context.warn(message),
    health,
  };
}
