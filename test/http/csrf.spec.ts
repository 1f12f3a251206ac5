import fc from 'fast-check';
import { CsrfCheck, destinationOf, isCrossOrigin, isUnsafe, safeNext } from '../../lib/http/csrf.js';
import type { FrameworkRequest } from '../../lib/http/request-facts.js';

const HOST = 'app.example.com:8443';
const OWN = `https://${HOST}`;
const OTHER = 'https://evil.example';
const origins = fc.constantFrom(undefined, OWN, OTHER, 'https://example.com', 'null', 'not an origin');

describe('isCrossOrigin', () => {
  it('trusts Sec-Fetch-Site, whatever Origin is', () => {
    fc.assert(
      fc.property(
        origins,
        fc.constantFrom('same-origin', 'none', 'same-site', 'cross-site', ''),
        (origin, site) => {
          expect(isCrossOrigin({ origin, 'sec-fetch-site': site }, HOST, [])).toBe(
            site !== 'same-origin' && site !== 'none',
          );
        },
      ),
    );
  });

  it('compares Origin with the host where there is no Sec-Fetch-Site', () => {
    fc.assert(
      fc.property(origins, fc.constantFrom(HOST, HOST.toUpperCase()), (origin, host) => {
        expect(isCrossOrigin({ origin }, host, [])).toBe(origin !== undefined && origin !== OWN);
      }),
    );
    expect(isCrossOrigin({ origin: OWN }, undefined, [])).toBe(true);
  });

  it('lets allowed origins pass, and these alone', () => {
    fc.assert(
      fc.property(origins, fc.constantFrom(undefined, 'cross-site'), (origin, site) => {
        const headers = { origin, 'sec-fetch-site': site };
        const without = isCrossOrigin(headers, HOST, []);
        expect(isCrossOrigin(headers, HOST, [OTHER])).toBe(origin === OTHER ? false : without);
      }),
    );
  });

  it('lets a client pass that is no browser', () => {
    expect(isCrossOrigin({}, HOST, [])).toBe(false);
    expect(isCrossOrigin({}, undefined, [])).toBe(false);
  });

  it('takes nothing for its own where no host is known', () => {
    const any = fc.oneof(fc.string(), fc.webUrl(), fc.constantFrom('null', '', OWN, 'undefined', 'http://'));
    fc.assert(
      fc.property(any, fc.constantFrom(undefined, ''), fc.boolean(), (origin, host, tls) => {
        expect(isCrossOrigin({ origin }, host, [], tls)).toBe(true);
      }),
    );
  });

  it.each(['capacitor://localhost', 'chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb'])(
    'knows %s only by its name',
    (origin) => {
      expect(isCrossOrigin({ origin }, 'localhost', [])).toBe(true);
      expect(isCrossOrigin({ origin }, 'localhost', [origin])).toBe(false);
      expect(isCrossOrigin({ origin: `${origin}.evil.example` }, 'localhost', [origin])).toBe(true);
      expect(isCrossOrigin({ origin, 'sec-fetch-site': 'cross-site' }, 'localhost', [origin])).toBe(false);
    },
  );
});

describe('an Origin', () => {
  it.each([
    ['http://app', 'app', false],
    ['https://app', 'app', false],
    ['HTTPS://APP', 'app', true],
    ['http://app:8080', 'app:8080', false],
  ])('%s is that of the host %s, with TLS: %p', (origin, host, tls) => {
    expect(isCrossOrigin({ origin }, host, [], tls)).toBe(false);
  });

  it('of http is that of the host where TLS is not known of', () => {
    expect(isCrossOrigin({ origin: 'http://app' }, 'app', [])).toBe(false);
    expect(isCrossOrigin({ origin: 'http://app' }, 'app', [], true)).toBe(true);
  });

  it.each([
    'http:',
    'http:/app',
    'xhttp://app',
    ' http://app',
    'ftp://app',
    'http://app/',
    'http://app/path',
    'http://app?q',
    'http://app#f',
    'http://user@app',
    'http://app\\',
    'http://app ',
    'http://app\t',
    'null',
  ])('is none: %p', (origin) => {
    for (const tls of [false, true]) expect(isCrossOrigin({ origin }, 'app', [], tls)).toBe(true);
  });

  it.each([
    ['http://undefined', undefined],
    ['http://app:99999', 'app:99999'],
    ['http://app', 'app/'],
    ['http://app', 'app/path'],
    ['http://app', 'user@app'],
    ['http://app', 'app ignored'],
  ])('%s is not that of the host %p, which is none', (origin, host) => {
    expect(isCrossOrigin({ origin }, host, [])).toBe(true);
  });
});

describe('destinationOf', () => {
  const request = (facts: object) =>
    ({ headers: { host: 'App:8443' }, socket: {}, ...facts }) as unknown as FrameworkRequest;

  it('knows the host by the argument, the framework or the request, in this order', () => {
    expect(destinationOf(request({ host: 'proxy' }), 'given')).toEqual({ host: 'given', tls: false });
    expect(destinationOf(request({ host: 'proxy' }))).toEqual({ host: 'proxy', tls: false });
    expect(destinationOf(request({}))).toEqual({ host: 'app:8443', tls: false });
  });

  it('knows whether TLS was used', () => {
    expect(destinationOf(request({ protocol: 'https' })).tls).toBe(true);
    expect(destinationOf(request({ socket: { encrypted: true } })).tls).toBe(true);
    expect(destinationOf(request({ protocol: 'http' })).tls).toBe(false);
  });
});

describe('CsrfCheck', () => {
  const to = { host: 'app', tls: true };
  const blocks = new CsrfCheck({ crossOrigin: 'block', allowedOrigins: [OTHER] });

  it('rejects another origin unless it is allowed', () => {
    expect(blocks.rejects({ origin: 'https://app' }, to)).toBe(false);
    expect(blocks.rejects({ origin: OTHER }, to)).toBe(false);
    expect(blocks.rejects({ origin: OWN }, to)).toBe(true);
    expect(blocks.rejects({ 'sec-fetch-site': 'cross-site' }, to)).toBe(true);
  });

  it('rejects an origin of http where TLS is known of', () => {
    expect(blocks.rejects({ origin: 'http://app' }, to)).toBe(true);
    expect(blocks.rejects({ origin: 'http://app' }, { ...to, tls: false })).toBe(false);
  });

  it('rejects nothing where all is allowed', () => {
    const allows = new CsrfCheck({ crossOrigin: 'allow', allowedOrigins: [] });
    expect(allows.rejects({ origin: OWN, 'sec-fetch-site': 'cross-site' }, to)).toBe(false);
  });
});

describe('isUnsafe', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', undefined])('is false for %s', (method) => {
    expect(isUnsafe(method)).toBe(false);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'get'])('is true for %s', (method) => {
    expect(isUnsafe(method)).toBe(true);
  });
});

describe('safeNext', () => {
  it('keeps an ordinary path with its query and fragment', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abc019-_'), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), word, word, (parts, query, fragment) => {
        const path = `/${parts.join('/')}?q=${query}#${fragment}`;
        expect(safeNext(path)).toBe(path);
      }),
    );
  });

  it.each([
    ['/', '/'],
    ['/a/../b?c#d', '/b?c#d'],
    // Browsers drop these, and read a backslash as a slash.
    ['/a\tb', '/ab'],
    ['/a\\b', '/a/b'],
    ['/%2f%2fevil.example', '/%2f%2fevil.example'],
    ['/a//b', '/a//b'],
  ])('reads %p as a browser does', (next, path) => {
    expect(safeNext(next)).toBe(path);
  });

  it.each<unknown>([
    undefined,
    null,
    5,
    ['/a'],
    '',
    'a',
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    // No browser can read these.
    '//',
    '//[',
    // The path of this one begins with two slashes.
    '/.//evil.example',
  ])('falls back for %p', (next) => {
    expect(safeNext(next)).toBe('/');
    expect(safeNext(next, '/home')).toBe('/home');
  });
});
