/** How a caching proxy is set up. Each is in front of applications somewhere. */
export interface ProxyKind {
  readonly name: string;
  readonly directives: readonly string[];
  /** Whether it obeys `Cache-Control`. One that does not may serve a client what that client got before. */
  readonly obeys: boolean;
  toString(): string;
}

const IGNORE_CACHE_CONTROL = 'proxy_ignore_headers Cache-Control Expires X-Accel-Expires;';

export const PROXIES: [ProxyKind][] = [
  { name: 'a caching proxy', directives: [], obeys: true },
  {
    name: 'a proxy that stores responses to POST, too',
    directives: ['proxy_cache_methods GET HEAD POST;'],
    obeys: true,
  },
  { name: 'a proxy that does not know Vary', directives: ['proxy_ignore_headers Vary;'], obeys: true },
  {
    name: 'a proxy that stores cookies',
    directives: ['proxy_ignore_headers Set-Cookie;'],
    obeys: true,
  },
  {
    name: 'a proxy that serves what is stale',
    directives: [
      'proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504 http_403 http_404;',
      'proxy_cache_background_update on;',
      'proxy_cache_revalidate on;',
    ],
    obeys: true,
  },
  { name: 'a proxy that obeys only Vary', directives: [IGNORE_CACHE_CONTROL], obeys: false },
].map((kind): [ProxyKind] => [{ ...kind, toString: () => kind.name }]);
