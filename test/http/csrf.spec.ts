import fc from 'fast-check';
import { isCrossOrigin, isUnsafe, safeNext } from '../../lib/http/csrf.js';

const HOST = 'app.example.com:8443';
const OWN = `https://${HOST}`;
const OTHER = 'https://evil.example';
const origins = fc.constantFrom(undefined, OWN, OTHER, 'https://example.com', 'null', 'not an origin');

describe('isCrossOrigin', () => {
  it('believes Sec-Fetch-Site, whatever Origin says', () => {
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
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('/', '\\', '.', '..', 'evil.example') },
    fc.constantFrom('\t', '\n', '?', '#', '@', ':', 'http:', '%2f', ' '),
  );
  const paths = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''));

  it('always leads to a path of the page’s own origin', () => {
    fc.assert(
      fc.property(paths, (next) => {
        const safe = safeNext(next);
        if (!/^\/(?![/\\])/.test(safe) || new URL(safe, OWN).origin !== OWN) throw new Error(safe);
      }),
      { numRuns: 5_000 },
    );
  });

  it('keeps an ordinary path with its query and fragment', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abc019-_'), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), word, word, (parts, query, fragment) => {
        const path = `/${parts.join('/')}?q=${query}#${fragment}`;
        expect(safeNext(path)).toBe(path);
      }),
    );
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
  ])('falls back for %p', (next) => {
    expect(safeNext(next)).toBe('/');
    expect(safeNext(next, '/home')).toBe('/home');
  });
});
