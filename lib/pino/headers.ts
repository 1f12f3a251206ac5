/**
 * Headers whose value lets whoever reads it in: of cookies and of HTTP authentication (RFC 6265 §4, RFC 9110 §11), and the
 * tokens of CSRF libraries.
 */
const SECRET: ReadonlySet<string> = new Set([
  'cookie',
  'cookie2',
  'set-cookie',
  'set-cookie2',
  'authorization',
  'proxy-authorization',
  'csrf-token',
  'xsrf-token',
  'x-csrf-token',
  'x-xsrf-token',
]);

/** Those of sessions that are bound to a device: `Secure-Session-Response`, `Sec-Secure-Session-Id`, and their former names. */
const OF_DEVICE = /^(?:sec-)?secure-session-|^sec-session-/;

/** A copy of headers, by their names in any case, without those that let somebody in and without the omitted ones. */
export function headersWithout(
  headers: Readonly<Record<string, unknown>>,
  omitted: ReadonlySet<string>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => {
      const lower = name.toLowerCase();
      return !SECRET.has(lower) && !OF_DEVICE.test(lower) && !omitted.has(lower);
    }),
  );
}
