import type { DeviceAlgorithm } from '../../core/device/device-key.js';
import { SessionError } from '../../core/util/errors.js';
import { isModuleMissing } from '../options/module-missing.js';
import type { DeviceProofs } from './device-proof.js';

/**
 * Only applications that bind sessions to devices need `jose`.
 *
 * @throws SessionError `ERR_OPTIONS` if it is not installed
 */
export async function loadProofs(algorithms: readonly DeviceAlgorithm[]): Promise<DeviceProofs> {
  try {
    const { DeviceProofs } = await import('./device-proof.js');
    return new DeviceProofs(algorithms);
  } catch (cause) {
    if (!isModuleMissing(cause)) throw cause;
    throw new SessionError(
      'ERR_OPTIONS',
      'SessionModule: deviceBound: it needs the package jose, which is not installed. Run "npm install jose", or leave deviceBound out.',
      { cause },
    );
  }
}
