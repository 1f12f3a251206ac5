import { MAX_COOKIE_OCTETS } from '../../core/token/cookie.js';
import { bytesOf, type Secret } from '../../core/token/secret.js';
import type { SessionSettings } from '../../nest/options/session.settings.js';
import { findings, type Finding } from './finding.js';

/** What the options of the module say, which the start has accepted. */
export const settingsFindings = (settings: SessionSettings, production: boolean): Finding[] => [
  ...secretFindings(settings.secrets.reveal()),
  ...cookieFindings(settings.engine.cookie, production),
  ...optionFindings(settings),
];

/** Below it a text has a pattern: 32 random characters of base64url have about 26 different ones. */
const FEWEST_CHARACTERS = 14;

/** As many secrets as a rotation needs: the new one, the old one, and one more in between. */
const MOST_SECRETS = 3;

function secretFindings(secrets: readonly Secret[]): Finding[] {
  const { ok, warning } = findings('secret');
  const texts = secrets.map((one) => bytesOf(one).toString('latin1'));
  const found: Finding[] = [];
  for (const [index, text] of texts.entries()) {
    const which = texts.length > 1 ? `The secret at index ${index} of the list` : 'The secret';
    if (new Set(text).size < FEWEST_CHARACTERS)
      found.push(
        warning(
          `${which} has few different characters, so it may not be random.`,
          'Make one with: npx nest-sessions secret',
        ),
      );
    if (texts.indexOf(text) < index)
      found.push(warning(`${which} is there twice.`, 'Leave one of them out.'));
  }
  if (texts.length > MOST_SECRETS)
    found.push(
      warning(
        `${texts.length} secrets are accepted. Whoever knows one of them can make cookies.`,
        'Leave out those that signed no cookie for longer than `lifetime` and `remember.lifetime`.',
      ),
    );
  if (found.length > 0) return found;
  const lengths = texts.map(({ length }) => length).join(' and ');
  return [
    ok(
      texts.length === 1
        ? `One secret of ${lengths} bytes. How old it is, is not known here; to change it give [new, old].`
        : `${texts.length} secrets of ${lengths} bytes: the first signs, all are accepted. Leave the old ones out once their cookies have expired.`,
    ),
  ];
}

function cookieFindings(cookie: SessionSettings['engine']['cookie'], production: boolean): Finding[] {
  const { ok, warning, problem } = findings('cookie');
  const { name, secure, domain, sameSite } = cookie;
  const found: Finding[] = [];
  if (!secure)
    found.push(
      (production ? problem : warning)(
        'The cookie is not Secure: it goes over plain HTTP, where anybody on the way can read it.',
        'Leave `cookie.secure` true. Behind a proxy that ends TLS set `trust proxy`.',
      ),
    );
  else if (!name.startsWith('__Host-'))
    found.push(
      warning(
        `The name ${name} has no prefix __Host-, so other hosts of the domain can set a cookie of this name.`,
        'Leave `cookie.name`, `cookie.path` and `cookie.domain` out, if no other host or path needs the cookie.',
      ),
    );
  if (domain !== undefined)
    found.push(
      warning(
        `The cookie goes to every host below ${domain}.`,
        'Leave `cookie.domain` out, if one host needs it.',
      ),
    );
  if (sameSite === 'none')
    found.push(
      warning(
        'SameSite=None: the cookie goes with requests that other sites initiate.',
        'Keep it only for an application in a frame of another site, with `crossOrigin` set to block or to a list.',
      ),
    );
  return found.length > 0
    ? found
    : [
        ok(
          `${name}: Secure, HttpOnly, SameSite=${sameSite}, for this host alone; at most ${MAX_COOKIE_OCTETS} bytes.`,
        ),
      ];
}

function optionFindings({ crossOrigin, allowedOrigins, engine }: SessionSettings): Finding[] {
  const { ok, warning } = findings('options');
  const found: Finding[] = [];
  if (crossOrigin === 'allow')
    found.push(
      warning(
        "crossOrigin: 'allow': pages of other sites can make a browser act as its user.",
        'Leave it out, or list the origins that are yours.',
      ),
    );
  const plain = allowedOrigins.filter((origin) => /^http:\/\/(?!localhost|127\.|\[::1\])/i.test(origin));
  if (plain.length > 0)
    found.push(
      warning(
        `crossOrigin allows origins over plain HTTP, which anybody on the way can pretend to be: ${plain.join(', ')}.`,
        'List them with https://.',
      ),
    );
  if (engine.device)
    found.push(
      engine.device.required
        ? warning(
            "deviceBound.require: 'always': browsers without the feature, and all of them over plain HTTP, have no access.",
            "Give 'supported', if they are to have ordinary sessions.",
          )
        : ok('deviceBound: a browser that has the feature binds its session, over HTTPS alone.'),
    );
  if (engine.rotateEvery === false)
    found.push(
      warning(
        'rotateEvery: false: a copy of a cookie that was taken unnoticed works as long as the session lives.',
        "Leave it out: every '15m' by default.",
      ),
    );
  return found;
}
