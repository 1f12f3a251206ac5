import { DEVICE_KEY } from '../../core/model/record.js';
import type { Verdict } from '../../revocations/revocation-list.js';
import { SealedHandle } from './handle.js';

/** A predecessor of the cookie that was bound, with the key that it lacks. */
export function withDevice(handle: SealedHandle, verdict: Verdict & { live: true }): SealedHandle {
  const { content, token, binding, presented } = handle;
  const device = verdict.rotation?.device;
  if (device === undefined || verdict.version === content.version) return handle;
  const { record } = content;
  const extra = { ...record.extra, [DEVICE_KEY]: device };
  return new SealedHandle({ ...content, record: { ...record, extra } }, token, binding, presented);
}
