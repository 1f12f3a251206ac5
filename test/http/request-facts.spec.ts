import {
  hostOf,
  isOnHost,
  RequestClient,
  schemeOf,
  wantsHtml,
  type FrameworkRequest,
} from '../../lib/http/request-facts.js';

const request = (facts: {
  headers?: Record<string, string>;
  host?: string;
  protocol?: string;
  encrypted?: boolean;
  ip?: string;
  remoteAddress?: string;
}): FrameworkRequest => {
  const { headers = {}, encrypted, remoteAddress, ...rest } = facts;
  return { headers, socket: { encrypted, remoteAddress }, ...rest } as unknown as FrameworkRequest;
};

describe('the host of a request', () => {
  it.each([
    ['what the framework sees', { host: 'shop.example', headers: { host: 'internal:3000' } }, 'shop.example'],
    ['the header, without a framework', { headers: { host: 'shop.example:8080' } }, 'shop.example:8080'],
    ['the authority of HTTP/2', { headers: { ':authority': 'shop.example' } }, 'shop.example'],
    ['the authority, where the framework knows no host', { host: '', headers: { ':authority': 'a' } }, 'a'],
    ['in small letters', { headers: { host: 'SHOP.example' } }, 'shop.example'],
    ['unknown without any', {}, undefined],
  ])('is %s', (_, facts, host) => {
    expect(hostOf(request(facts))).toBe(host);
  });

  it.each([
    ['https://shop.example/a', 'shop.example', true],
    ['https://shop.example/a', 'shop.example:443', true],
    ['http://shop.example/a', 'shop.example:80', true],
    ['https://shop.example:8443/a', 'shop.example:8443', true],
    ['https://shop.example:8443/a', 'shop.example', false],
    ['https://shop.example/a', 'shop.example:80', false],
    ['https://shop.example.evil.example/a', 'shop.example', false],
    ['https://evil.example/shop.example', 'shop.example', false],
    ['about:blank', '', false],
    ['https://shop.example/a', undefined, false],
    ['https://undefined/a', undefined, false],
    ['https://shop.example/a', 'no host at all', false],
  ])('of the page %s and the host %s is the same: %s', (page, host, same) => {
    expect(isOnHost(new URL(page), request(host === undefined ? {} : { headers: { host } }))).toBe(same);
  });
});

describe('the scheme of a request', () => {
  it.each([
    ['https', { encrypted: true }],
    ['https', { protocol: 'https' }],
    ['http', { protocol: 'http' }],
    ['http', {}],
    ['http', { headers: { ':scheme': 'https', 'x-forwarded-proto': 'https' } }],
  ])('is %s for %j', (scheme, facts) => {
    expect(schemeOf(request(facts))).toBe(scheme);
  });
});

describe('the client of a request', () => {
  const raw = request({ headers: { 'user-agent': 'A browser' }, remoteAddress: '127.0.0.1' });

  it('has the address that the framework sees, and that of the connection where it sees none', () => {
    expect(new RequestClient(raw, request({ ip: '203.0.113.7' })).ip).toBe('203.0.113.7');
    expect(new RequestClient(raw, request({})).ip).toBe('127.0.0.1');
  });

  it('has the name of its browser', () => {
    expect(new RequestClient(raw, request({})).userAgent).toBe('A browser');
    expect(new RequestClient(request({}), raw).userAgent).toBeUndefined();
  });

  it.each([
    ['text/html', true],
    ['text/html,application/xhtml+xml,*/*;q=0.8', true],
    ['application/json, TEXT/HTML;q=0.5', true],
    ['application/json', false],
    ['*/*', false],
    ['text/*', false],
    ['text/htmlx', false],
    ['xtext/html', false],
    ['', false],
    [undefined, false],
  ])('that accepts %s wants HTML: %s', (accept, wants) => {
    expect(wantsHtml(request({ headers: accept === undefined ? {} : { accept } }))).toBe(wants);
  });
});

it('a request without a connection has the scheme http', () => {
  expect(schemeOf({ headers: {}, socket: undefined } as unknown as FrameworkRequest)).toBe('http');
});
