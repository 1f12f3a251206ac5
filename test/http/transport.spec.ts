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
  it('is TLS on an encrypted connection, and where the framework says so', () => {
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
  ])('is loopback for the host %s', (host) =>
    expect(transportOf(request({ host, remoteAddress: '::1' }))).toBe('loopback'),
  );

  it.each([
    undefined,
    '',
    'example.com',
    'notlocalhost',
    'localhost.example.com',
    '127.0.0.1.example.com',
    '128.0.0.1',
    '[::2]',
    '127.0.0',
  ])('is plain for the host %s', (host) =>
    expect(transportOf(request({ host, remoteAddress: '::1' }))).toBe('plain'),
  );

  it.each(['::1', '127.0.0.1', '127.1.2.3', '::ffff:127.0.0.1'])(
    'is loopback from the address %s',
    (remoteAddress) => expect(transportOf(request({ host: 'localhost', remoteAddress }))).toBe('loopback'),
  );

  it.each([undefined, '', '10.0.0.1', '::2', '::ffff:10.0.0.1', '127.0.0.1.2', '1127.0.0.1'])(
    'is plain from the address %s',
    (remoteAddress) => expect(transportOf(request({ host: 'localhost', remoteAddress }))).toBe('plain'),
  );
});
