import { isCrossOrigin, safeNext } from '../../../lib/http/csrf.js';
import { isLoopbackHost } from '../../../lib/http/transport.js';
import { must, type Target } from '../engine/target.js';

const ALLOWED = ['https://partner.example', 'capacitor://localhost'];

interface Facts {
  origin: string | undefined;
  host: string | undefined;
  site: string | undefined;
  tls: boolean;
}

/** One line for each header; an empty one is absent. */
function factsOf(input: string): Facts {
  const [origin, host, site, tls] = input.split('\n');
  return {
    origin: origin || undefined,
    host: host || undefined,
    site: site || undefined,
    tls: tls === 'tls',
  };
}

const crossOrigin = ({ origin, host, site, tls }: Facts): boolean =>
  isCrossOrigin({ origin, 'sec-fetch-site': site }, host, ALLOWED, tls);

function check(input: string): void {
  const facts = factsOf(input);
  const { origin, host, site, tls } = facts;
  if (!crossOrigin(facts)) {
    const bySite = site === 'same-origin' || site === 'none';
    const byName = origin !== undefined && ALLOWED.includes(origin);
    const fromNoBrowser = site === undefined && origin === undefined;
    const byOrigin = site === undefined && isSameOrigin(origin, host, tls);
    must(bySite || byName || fromNoBrowser || byOrigin, 'only a request of the own origin passes', facts);
  }
  checkNext(input);
  checkLoopback(host);
}

/** By the parser of the URL standard, which browsers have. */
function isSameOrigin(origin: string | undefined, host: string | undefined, tls: boolean): boolean {
  if (origin === undefined || host === undefined || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  if (url.protocol !== 'https:' && (url.protocol !== 'http:' || tls)) return false;
  if (url.username !== '' || url.pathname !== '/' || url.search !== '' || url.hash !== '') return false;
  const own = `${url.protocol}//${host}`;
  return URL.canParse(own) && new URL(own).origin === url.origin;
}

function checkNext(next: string): void {
  const path = safeNext(next, '/fallback');
  for (const base of ['https://app.example/login', 'http://app.example:8080/a/b']) {
    must(URL.canParse(path, base), 'the path is one', path);
    must(new URL(path, base).origin === new URL(base).origin, 'the path stays on the site', path);
  }
  must(/^\/(?![/\\])[\x21-\x7e]*$/.test(path), 'the path can stand in a header', path);
  must(safeNext(path, '/other') === path, 'a safe path is safe', path);
}

/** Of the hosts that a browser can send. */
function checkLoopback(host: string | undefined): void {
  if (host === undefined || !/^[^/?#@\\\s]+$/.test(host) || !isLoopbackHost(host)) return;
  const url = `http://${host}`;
  if (!URL.canParse(url)) return;
  const { hostname } = new URL(url);
  must(
    hostname === 'localhost' ||
      hostname.endsWith('.localhost') ||
      hostname === '[::1]' ||
      /^127\./.test(hostname),
    'a name of this machine is one',
    host,
  );
}

export const csrfTarget: Target = {
  name: 'csrf',
  seeds: [
    'https://app.example\napp.example\n\ntls',
    'http://app.example:80\napp.example\n\n',
    'https://app.example\nAPP.example:443\n\ntls',
    'https://evil.example\napp.example\nsame-origin\ntls',
    'https://evil.example\napp.example\ncross-site\ntls',
    'https://partner.example\napp.example\ncross-site\ntls',
    'null\nlocalhost:3000\n\n',
    'http://[::1]:3000\n[::1]:3000\n\n',
    'http://127.0.0.1\n127.0.0.1\nnone\n',
    '/next?a=b#c',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/%2f/evil.example',
    '/a/..//evil.example',
  ],
  words: [
    ...[
      'https://',
      'http://',
      'HTTPS://',
      'app.example',
      'app.example.',
      '.localhost',
      'localhost',
      '[::1]',
      '127.0.0.1',
    ],
    ...[
      '0x7f.1',
      '\n',
      ':443',
      ':80',
      ':',
      '@',
      '%40',
      '%2f',
      '/',
      '//',
      '\\',
      '..',
      './',
      '?',
      '#',
      '\t',
      '\u3002',
    ],
    ...[
      '\uff0f',
      '\u00e9',
      'xn--',
      'same-origin',
      'same-site',
      'cross-site',
      'none',
      'tls',
      'null',
      '\u200b',
    ],
  ],
  check,
  parse: (input) => {
    crossOrigin(factsOf(input));
    safeNext(input);
    isLoopbackHost(input);
  },
};
