// Opens the page in a Chromium that accepts the certificate and keeps its keys in software, in a profile of its own.
// `--ignore-certificate-errors` would turn device-bound sessions off. Arguments are passed on: `npm run browser -- --headless`.
import { spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

const CERTIFICATE = '.certificate/cert.pem';
const FEATURES = 'DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting';
const USUAL = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

if (existsSync(CERTIFICATE)) open(process.env.CHROMIUM ? [process.env.CHROMIUM] : USUAL);
else fail('There is no certificate yet. Start the server first, with "npm start".');

/** Starts the first that there is. */
function open([program, ...others]) {
  spawn(program, flags(), { stdio: 'inherit' })
    .on('error', () => (others.length > 0 ? open(others) : fail('Found no Chromium. Name one in CHROMIUM.')))
    .on('exit', (code) => (process.exitCode = code ?? 1));
}

function flags() {
  const { publicKey } = new X509Certificate(readFileSync(CERTIFICATE));
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const spki = createHash('sha256').update(der).digest('base64');
  return [
    `--user-data-dir=${process.cwd()}/.profile`,
    `--enable-features=${FEATURES}`,
    `--ignore-certificate-errors-spki-list=${spki}`,
    '--no-first-run',
    ...process.argv.slice(2),
    `https://localhost:${process.env.PORT ?? 3006}/`,
  ];
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
