import type { IncomingHttpHeaders } from 'node:http';
import { deviceKeyOf } from '../../core/device/device-key.js';
import type { RequestState } from '../../core/request/request-state.js';
import type { ResolvedCookie } from '../../core/token/cookie.js';
import type { DeviceSettings } from './device.settings.js';

/** What a device sends with its requests. */
export interface DeviceRequest {
  /** The session that is to be refreshed. A page's script cannot send this header. */
  readonly sessionId: string | undefined;
  /** The JWT that it has signed. */
  readonly proof: string | undefined;
}

export const deviceRequestOf = (headers: IncomingHttpHeaders): DeviceRequest => ({
  sessionId: textOf(headers['sec-secure-session-id']),
  proof: textOf(headers['secure-session-response']),
});

/** A string by the specification (RFC 9651 §3.3.3); Chromium sends the bare text. Neither id nor JWT has anything to unescape. */
function textOf(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string') return undefined;
  const text = header.trim();
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}

/** `Secure-Session-Challenge`, for the session that the browser knows by this id. */
export const challengeHeader = (challenge: string, id: string): string => `"${challenge}";id="${id}"`;

/**
 * `Secure-Session-Registration`, with which a response invites the browser to bind the session that just began, or was proved
 * again. `undefined` for a session that is bound already.
 */
export function registrationHeader(
  { path, policy }: DeviceSettings,
  state: RequestState,
): string | undefined {
  const record = state.live?.handle.record;
  if (!state.authenticates || record?.subject === undefined || deviceKeyOf(record)) return undefined;
  const challenge = policy.challenge(record, undefined, state.now());
  return `(${policy.algorithms.join(' ')});path="${path}";challenge="${challenge}"`;
}

/** What the browser is told of a session that it bound. */
export function configuration({ refreshPath, scope, policy }: DeviceSettings, id: string): string {
  return JSON.stringify({
    session_identifier: id,
    refresh_url: refreshPath,
    scope: {
      include_site: scope.includeSite,
      ...(scope.includeSite && { origin: siteOf(policy.cookie) }),
      scope_specification: scope.exclude.map((path) => ({ type: 'exclude', domain: '*', path })),
    },
    ...(scope.initiators.length > 0 && { allowed_refresh_initiators: scope.initiators }),
    credentials: [{ type: 'cookie', name: policy.cookie.name, attributes: attributesOf(policy.cookie) }],
  });
}

/**
 * Browsers take the whole site only for an origin of the registrable domain itself, while the default is the origin that
 * registers, which may be a subdomain.
 */
const siteOf = ({ domain = '' }: ResolvedCookie): string => `https://${domain.replace(/^\./, '')}`;

/** The browser ends its device session. */
export const termination = (id: string): string =>
  JSON.stringify({ session_identifier: id, continue: false });

/** They have to agree with those of the cookie as it is set: otherwise the browser refreshes before every request. */
function attributesOf({ path, domain, secure, sameSite }: ResolvedCookie): string {
  const site = { strict: 'Strict', lax: 'Lax', none: 'None' }[sameSite];
  return [
    `Path=${path}`,
    ...(domain === undefined ? [] : [`Domain=${domain}`]),
    ...(secure ? ['Secure'] : []),
    'HttpOnly',
    `SameSite=${site}`,
  ].join('; ');
}
