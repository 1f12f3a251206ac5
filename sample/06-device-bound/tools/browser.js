// Opens the page in a Chromium that accepts the certificate and keeps its keys in software, in a profile of its own.
// `--ignore-certificate-errors` would turn device-bound sessions off.
import { spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

const { publicKey } = new X509Certificate(readFileSync('.certificate/cert.pem'));
const der = publicKey.export({ type: 'spki', format: 'der' });
const spki = createHash('sha256').update(der).digest('base64');
const features = 'DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting';

spawn(
  process.env.CHROMIUM ?? 'chromium',
  [
    `--user-data-dir=${process.cwd()}/.profile`,
    `--enable-features=${features}`,
    `--ignore-certificate-errors-spki-list=${spki}`,
    '--no-first-run',
    `https://localhost:${process.env.PORT ?? 3006}/`,
  ],
  { stdio: 'inherit' },
);
