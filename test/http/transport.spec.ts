import type { FrameworkRequest } from '../../lib/http/request-facts.js';
import { transportOf } from '../../lib/http/transport.js';

const request = (facts: {
  host?: string | undefined;
  remoteAddress?: string | undefined;
  encrypted?: boolean;
  protocol?: string;
}): FrameworkRequest =>
  ({
    headers: { host: facts.host },
    socket: { remoteAddress: facts.remoteAddress, encrypted: facts.encrypted },
    protocol: facts.protocol,
  }) as unknown as FrameworkRequest;

describe('the transport of a request', () => {
  it('is TLS on an encrypted connection, and where the framework reports it', () => {
    expect(transportOf(request({ host: 'example.com', encrypted: true }))).toBe('tls');
    expect(transportOf(request({ host: 'example.com', protocol: 'https' }))).toBe('tls');
    expect(transportOf(request({ host: 'example.com', protocol: 'http' }))).toBe('plain');
  });

  it.each([
    'localhost',
    'localhost:3000',
    'app.localhost:80',
    '127.0.0.1',
    '127.8.9.10:80',
    '[::1]',
    '[::1]:3000',
    'LOCALHOST:3000',
    '127.255.255.255:65535',
  ])('is loopback for the host %s', (host) =>
    expect(transportOf(request({ host, remoteAddress: '::1' }))).toBe('loopback'),
  );

  it.each([
    undefined,
    '',
    'example.com',
    'notlocalhost',
    'localhost:80a',
    'localhost:',
    'alocalhost:80',
    '127.0.0.1234',
    '1127.0.0.1',
    '127.0.0.a',
    '127.0.0.1.1',
    '[::1',
    'a[::1]',
    '[::1]a',
    '127.0:80.0.1',
    'local:80host',
    'localhost.example.com',
    '127.0.0.1.example.com',
    '128.0.0.1',
    '[::2]',
    '127.0.0',
    '172.17.0.2:3000',
    '0.0.0.0:3000',
    'host.docker.internal',
    'app:3000',
  ])('is plain for the host %s', (host) =>
    expect(transportOf(request({ host, remoteAddress: '::1' }))).toBe('plain'),
  );

  it.each(['::1', '127.0.0.1', '127.1.2.3', '::ffff:127.0.0.1'])(
    'is loopback from the address %s',
    (remoteAddress) => expect(transportOf(request({ host: 'localhost', remoteAddress }))).toBe('loopback'),
  );

  it.each([
    '172.17.0.1',
    '::ffff:172.17.0.1',
    '192.168.65.1',
    '10.0.2.2',
    '169.254.1.1',
    'fd00::1',
    'fe80::1%eth0',
  ])('is loopback from the bridge of a container: %s', (remoteAddress) =>
    expect(transportOf(request({ host: 'localhost:3000', remoteAddress }))).toBe('loopback'),
  );

  it.each([
    undefined,
    '',
    '203.0.113.7',
    '::ffff:203.0.113.7',
    '172.32.0.1',
    '::2',
    '2001:db8::1',
    '127.0.0.1.2',
    '1127.0.0.1',
  ])('is plain from the address %s', (remoteAddress) =>
    expect(transportOf(request({ host: 'localhost', remoteAddress }))).toBe('plain'),
  );

  it('goes by the authority of HTTP/2 and by the host of a trusted proxy', () => {
    const from = (facts: object): FrameworkRequest =>
      ({ headers: {}, socket: { remoteAddress: '127.0.0.1' }, ...facts }) as unknown as FrameworkRequest;
    expect(transportOf(from({ headers: { ':authority': 'localhost:3000' } }))).toBe('loopback');
    expect(transportOf(from({ headers: { ':authority': 'app.example.com' } }))).toBe('plain');
    expect(transportOf(from({ host: 'app.example.com', headers: { host: 'localhost:3000' } }))).toBe('plain');
  });
});
