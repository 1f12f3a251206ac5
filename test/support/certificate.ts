import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  key: string;
  cert: string;
  /** SHA-256 of the public key (SPKI), base64: by it Chromium accepts the certificate. */
  spki: string;
}

/** For `localhost`, signed by itself. */
export function makeCertificate(): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'certificate-'));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  try {
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    const made = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
    const der = new X509Certificate(made.cert).publicKey.export({ type: 'spki', format: 'der' });
    return { ...made, spki: createHash('sha256').update(der).digest('base64') };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
