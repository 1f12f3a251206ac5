import { acrValues, LOGIN_CHALLENGE, reloginChallenge } from '../../../lib/http/headers/challenges.js';
import { TARGETED_CACHE_HEADERS } from '../../../lib/http/headers/targeted-cache-headers.js';

describe('the challenge of a 401', () => {
  it('names the scheme alone where a login is missing', () => {
    expect(LOGIN_CHALLENGE).toBe('Session');
  });

  it('says how recent a login must be (RFC 9470 §3)', () => {
    expect(reloginChallenge(300, undefined)).toBe(
      'Session error="insufficient_user_authentication", ' +
        'error_description="A more recent login is required", max_age="300"',
    );
  });

  it('says by which factor, where one is asked for', () => {
    expect(reloginChallenge(0, 'totp')).toMatch(/, max_age="0", acr_values="totp"$/);
  });

  it.each(['totp', '!', '~', '[', ']', '#', 'urn:mace:incommon:iap:silver'])(
    'takes the factor %s',
    (factor) => {
      expect(acrValues(factor)).toBe(factor);
    },
  );

  it.each([undefined, '', 'two words', ' totp', 'totp ', 'a"b', 'a\\b', 'a\tb', 'é', 'totp\n', '\u007f'])(
    'leaves out the factor %j, which cannot stand in a quoted list',
    (factor) => {
      expect(acrValues(factor)).toBeUndefined();
      expect(reloginChallenge(1, factor)).not.toContain('acr_values');
    },
  );
});

it('every field that a cache obeys in place of Cache-Control has the value that forbids to store', () => {
  expect(Object.fromEntries(TARGETED_CACHE_HEADERS)).toEqual({
    'cdn-cache-control': 'no-store',
    'surrogate-control': 'no-store',
    'cloudflare-cdn-cache-control': 'no-store',
    'vercel-cdn-cache-control': 'no-store',
    'netlify-cdn-cache-control': 'no-store',
    'akamai-cache-control': 'no-store',
    'edge-control': 'no-store',
    'x-accel-expires': '0',
  });
});
