import type { TLSSocket } from 'node:tls';
import type { FrameworkRequest } from './request-facts.js';

/**
 * How a request was transported: `tls`, terminated here or at a trusted proxy; `loopback`, plain HTTP within this
 * machine; or `plain`, other plain HTTP, over which a browser drops a Secure cookie.
 */
export type Transport = 'tls' | 'loopback' | 'plain';

export function transportOf(request: FrameworkRequest): Transport {
  if (request.protocol === 'https' || (request.socket as TLSSocket).encrypted === true) return 'tls';
  const { remoteAddress } = request.socket;
  return isLoopbackAddress(remoteAddress) && isLoopbackHost(request.headers.host) ? 'loopback' : 'plain';
}

/** Whether a Host header names this machine. */
function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.replace(/:\d+$/, '');
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '[::1]' ||
    /^127(?:\.\d{1,3}){3}$/.test(name)
  );
}

/** Whether the address of a connection belongs to this machine. */
function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/.test(address);
}
