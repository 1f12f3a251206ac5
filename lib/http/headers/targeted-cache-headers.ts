/**
 * Fields that a cache obeys in place of `Cache-Control`, in lower case, each with the value that forbids to store the
 * response: those of CDNs (RFC 9213 and their vendors' own), and that of nginx, where 0 forbids it.
 */
export const TARGETED_CACHE_HEADERS: ReadonlyMap<string, string> = new Map([
  ['cdn-cache-control', 'no-store'],
  ['surrogate-control', 'no-store'],
  ['cloudflare-cdn-cache-control', 'no-store'],
  ['vercel-cdn-cache-control', 'no-store'],
  ['netlify-cdn-cache-control', 'no-store'],
  ['akamai-cache-control', 'no-store'],
  ['edge-control', 'no-store'],
  ['x-accel-expires', '0'],
]);
