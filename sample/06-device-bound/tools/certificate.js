// Makes a certificate for localhost, once. Browsers bind sessions over HTTPS alone.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';

const [key, cert] = ['.certificate/key.pem', '.certificate/cert.pem'];
if (!existsSync(cert)) {
  mkdirSync('.certificate', { recursive: true });
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '90'];
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
}
