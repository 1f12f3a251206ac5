import { Logger } from '@nestjs/common';
import type { EventHub } from '../../core/events/events.js';
import { Complaint } from '../../core/util/complaint.js';

const logger = new Logger('nest-sessions');

/** Tells the operator that clients are shut out by `require: 'always'`, which they cannot mend themselves. */
export function reportUnbound(events: EventHub): void {
  const complaint = new Complaint((message) => logger.warn(message), describe);
  events.listen((event) => {
    if (event.type === 'refused' && event.reason === 'unbound' && !event.remote) complaint.note();
  });
}

const describe = (count: number): string =>
  `A session that is not bound to a device was refused, since deviceBound.require is 'always'${count === 1 ? '' : ` (one of ${count} since the last warning)`}: ` +
  'guards respond with ERR_DEVICE_REQUIRED (403). Its browser does not have the feature, did not register a key in time, or logged in before the option was set. ' +
  "With require: 'supported' it would keep an ordinary session. This is logged at most once a minute.";
