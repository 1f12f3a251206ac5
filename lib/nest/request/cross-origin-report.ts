import { Logger } from '@nestjs/common';
import type { OriginHeaders } from '../../http/csrf.js';
import { Complaint } from '../../core/util/complaint.js';
import { shown } from '../../core/util/texts.js';

/** What is known of a request that was refused as a cross-site one. */
export interface RefusedRequest extends OriginHeaders {
  /** As it was compared with the origin. */
  host: string | undefined;
  'x-forwarded-host'?: string | string[] | undefined;
}

/** Tells the operator which requests are refused with `ERR_CROSS_ORIGIN`, and what to do if they should not be. */
export class CrossOriginReport {
  readonly #complaint: Complaint;
  #last: RefusedRequest = { host: undefined };

  constructor(warn: (message: string) => void, now?: () => number) {
    this.#complaint = new Complaint(warn, (count) => describe(this.#last, count), now);
  }

  note(request: RefusedRequest): void {
    this.#last = request;
    this.#complaint.note();
  }
}

const logger = new Logger('nest-sessions');
const reports = new WeakMap<object, CrossOriginReport>();

/** The one report of an application, so that requests and handshakes together are logged once a minute. */
export function crossOriginReport(settings: object): CrossOriginReport {
  let report = reports.get(settings);
  if (!report) reports.set(settings, (report = new CrossOriginReport((message) => logger.warn(message))));
  return report;
}

function describe(request: RefusedRequest, count: number): string {
  const { origin, host, 'sec-fetch-site': site } = request;
  const facts = [
    `Origin ${quoted(origin)}`,
    `Host ${quoted(host)}`,
    ...(site === undefined ? [] : [`Sec-Fetch-Site ${quoted(site)}`]),
  ].join(', ');
  const others = count === 1 ? '' : ` It is one of ${count} since the last warning.`;
  return `A cross-site request was refused with ERR_CROSS_ORIGIN: ${facts}.${others} ${remedy(request)} This is logged at most once a minute.`;
}

const quoted = (value: string | string[] | undefined): string =>
  value === undefined ? '(none)' : shown(String(value));

const ALLOW =
  'If that site is yours, name it in crossOrigin: { allow: [...] }, or put @AllowCrossOrigin() on the handler; if not, nothing is to be done.';

/** By what the request tells of its cause. Browsers that send Sec-Fetch-Site know the site themselves, whatever proxies do to Host. */
function remedy(request: RefusedRequest): string {
  const { origin, 'sec-fetch-site': site, 'x-forwarded-host': forwarded } = request;
  if (site !== undefined) return `A browser says that another site caused it. ${ALLOW}`;
  if (origin === 'null') return NULL_ORIGIN;
  if (forwarded !== undefined && !(request.host && String(forwarded).includes(request.host))) {
    return `X-Forwarded-Host is ${quoted(forwarded)}, but no proxy is trusted to say so. If a proxy of yours sends it, ${TRUST}. ${ALLOW}`;
  }
  return `If a proxy of yours rewrites Host, have it pass Host on (nginx: proxy_set_header Host $http_host), or send X-Forwarded-Host and ${TRUST}. ${ALLOW}`;
}

const TRUST =
  "set `trust proxy` (Express: app.set('trust proxy', 1); Fastify: new FastifyAdapter({ trustProxy: '10.0.0.0/8' }), the address of the proxy)";

const NULL_ORIGIN =
  "Over plain HTTP, browsers send Origin: null with forms of a page whose Referrer-Policy is no-referrer, which is helmet's default: set it to same-origin (helmet({ referrerPolicy: { policy: 'same-origin' } })), or serve the application over HTTPS. " +
  'A frame with the attribute sandbox sends it, too: give it allow-same-origin, or put @AllowCrossOrigin() on the handler. If neither is the case, another site hides its name, and nothing is to be done.';
