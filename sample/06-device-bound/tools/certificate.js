// Makes a certificate for localhost, once. Browsers bind sessions over HTTPS alone.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';

const [key, cert] = ['.certificate/key.pem', '.certificate/cert.pem'];
if (!existsSync(cert)) make();

function make() {
  mkdirSync('.certificate', { recursive: true });
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '90'];
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  try {
    execFileSync('openssl', ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', cert], {
      stdio: 'pipe',
    });
  } catch (error) {
    const missing = error.code === 'ENOENT';
    console.error(missing ? 'There is no openssl, which makes the certificate. Install it.' : error.message);
    process.exit(1);
  }
}
