import { Logger } from '@nestjs/common';
import type { EventHub } from '../../core/events/events.js';
import { Complaint } from '../../core/util/complaint.js';

const logger = new Logger('nest-sessions');

/**
 * Logs sessions without access. That one is not bound where every one has to be is for the operator to mend. A bound one without
 * its bound cookie is a copy, or a browser that did not renew it: the user sees a login page, and nothing else says why.
 */
export function reportRefusals(events: EventHub): void {
  const unbound = new Complaint((message) => logger.warn(message), ofUnbound);
  const unproved = new Complaint((message) => logger.debug(message), ofUnproved);
  events.listen((event) => {
    if (event.type !== 'refused' || event.remote) return;
    if (event.reason === 'unbound') unbound.note();
    else if (UNPROVED.has(event.reason)) unproved.note();
  });
}

const UNPROVED: ReadonlySet<string> = new Set(['no-cookie', 'expired-cookie', 'wrong-cookie']);

const ofUnbound = (count: number): string =>
  `A session that is not bound to a device was refused, since deviceBound.require is 'always'${others(count)}: ` +
  'guards respond with ERR_DEVICE_REQUIRED (403). Its browser does not have the feature, did not register a key in time, has signed as often as it may (three logins with their logouts within nine minutes), or logged in before the option was set. ' +
  "With require: 'supported' it would keep an ordinary session. This is logged at most once a minute.";

const ofUnproved = (count: number): string =>
  `A request of a bound session came without a valid bound cookie and was answered as one without a session${others(count)}. ` +
  'Either its cookies were copied, or its browser did not renew the bound cookie: for pages of another origin see deviceBound.scope.initiators. The event "refused" has the reason. This is logged at most once a minute.';

const others = (count: number): string => (count === 1 ? '' : ` (one of ${count} since the last message)`);

/** Browsers renew the bound cookie only for pages of the hosts that the configuration names. */
export function reportInitiators(allowedOrigins: readonly string[], initiators: readonly string[]): void {
  const unnamed = allowedOrigins.filter(
    (origin) => URL.canParse(origin) && !initiators.includes(new URL(origin).hostname),
  );
  if (unnamed.length === 0) return;
  logger.warn(
    `deviceBound: crossOrigin.allow names ${unnamed.join(', ')}. For requests of their pages browsers do not renew the bound cookie, so these have no session once it is over. Name the hosts that are of the same site in deviceBound.scope.initiators; pages of another site need an application without deviceBound.`,
  );
}
