import fc from 'fast-check';
import { safeNext } from 'nest-sessions';

describe('safeNext', () => {
  it.each([
    ['/account', '/account'],
    ['/account?x=1#y', '/account?x=1#y'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['\\\\evil.example', '/'],
    ['/\t/evil.example', '/'],
    ['/\n/evil.example', '/'],
    ['/\r\n/evil.example', '/'],
    ['\t//evil.example', '/'],
    ['/./\\evil.example', '/'],
    ['/.//evil.example', '/'],
    ['/..//evil.example', '/'],
    ['/a/..//evil.example', '/'],
    ['http://evil.example', '/'],
    ['https:evil.example', '/'],
    ['javascript:alert(1)', '/'],
    [' /account', '/'],
    ['account', '/'],
    ['', '/'],
    [undefined, '/'],
    [['/account'], '/'],
    [{ next: '/account' }, '/'],
  ])('makes of %j the path %s', (next, expected) => {
    expect(safeNext(next)).toBe(expected);
  });

  it('never returns a path that leaves the origin', () => {
    const piece = fc.constantFrom(
      '/',
      '\\',
      '.',
      '..',
      ':',
      '@',
      '?',
      '#',
      '\t',
      '\n',
      '\r',
      ' ',
      '%2f',
      'a',
      'http:',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 8 }).map((all) => `/${all.join('')}`),
          fc.string(),
        ),
        (next) => {
          const safe = safeNext(next);
          expect(safe).toMatch(/^\/(?![/\\])[^\t\n\r]*$/);
          expect(new URL(safe, 'https://app.example/deep/page').origin).toBe('https://app.example');
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
