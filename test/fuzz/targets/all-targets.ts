import type { Target } from '../engine/target.js';
import { cookieTarget } from './cookie.js';
import { csrfTarget } from './csrf.js';
import { deviceProofTarget } from './device-proof.js';
import { deviceTarget } from './device.js';
import { durationTarget } from './duration.js';
import { noticeTarget } from './notice.js';
import { optionsTarget } from './options.js';
import { payloadTarget } from './payload.js';
import { redisRecordTarget } from './redis-record.js';
import { revocationTarget } from './revocation.js';
import { scsTarget, sealedTarget } from './sealed.js';
import { tokenTarget } from './token.js';

export const targets: readonly Target[] = [
  cookieTarget,
  tokenTarget,
  sealedTarget,
  scsTarget,
  payloadTarget,
  noticeTarget,
  revocationTarget,
  redisRecordTarget,
  csrfTarget,
  deviceTarget,
  deviceProofTarget,
  durationTarget,
  optionsTarget,
];
