import fc from 'fast-check';
import { isCrossOrigin, safeNext } from '../../lib/http/csrf.js';

const OWN = 'https://app.example.com:8443';

describe('isCrossOrigin', () => {
  const name = fc.constantFrom(
    'app.example.com',
    'example.com',
    'localhost',
    '10.0.0.7',
    '[::1]',
    'evil.example',
  );
  const port = fc.constantFrom('', ':80', ':443', ':3000');
  const scheme = fc.constantFrom('http', 'https');
  const mixed = (text: string) => fc.constantFrom(text, text.toUpperCase());

  it('holds two for the same exactly where scheme, name and port are, whatever is left out', () => {
    const given = fc.record({
      scheme,
      name,
      port,
      host: fc.tuple(name.chain(mixed), port),
      tls: fc.boolean(),
    });
    let same = 0;
    fc.assert(
      fc.property(given, ({ scheme, name, port, host: [hostName, hostPort], tls }) => {
        const byDefault = scheme === 'http' ? ':80' : ':443';
        const own =
          name === hostName.toLowerCase() &&
          (port || byDefault) === (hostPort || byDefault) &&
          !(tls && scheme === 'http');
        if (own) same++;
        const origin = new URL(`${scheme}://${name}${port}`).origin;
        expect(isCrossOrigin({ origin }, hostName + hostPort, [], tls)).toBe(!own);
      }),
      { numRuns: 2_000 },
    );
    // Otherwise the property says little.
    expect(same).toBeGreaterThan(50);
  });

  it('takes an Origin that is none for that of no host', () => {
    const parts = fc.constantFrom(
      'http://',
      'https://',
      'null',
      'app',
      '@',
      '/',
      '\\',
      '?',
      '#',
      ':',
      '.',
      ' ',
      '%61',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 6 }), (all) => {
        const origin = all.join('');
        if (isCrossOrigin({ origin }, 'app', [])) return;
        // Passed: then a browser that reads it as a URL is at that very host, and nothing else is in it.
        const { host, username, password, pathname, search, hash } = new URL(origin);
        expect([host, username + password, pathname, search + hash]).toEqual(['app', '', '/', '']);
      }),
      { numRuns: 5_000 },
    );
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
});
