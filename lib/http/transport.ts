import type { TLSSocket } from 'node:tls';
import type { FrameworkRequest } from './request-facts.js';

/**
 * The way that a request came, and its cookie goes: TLS, here or at a proxy that the application trusts; plain HTTP
 * that never leaves the machine; or plain HTTP, where a browser drops a cookie that is Secure.
 */
export type Transport = 'tls' | 'loopback' | 'plain';

export function transportOf(request: FrameworkRequest): Transport {
  if (request.protocol === 'https' || (request.socket as TLSSocket).encrypted === true) return 'tls';
  const { remoteAddress } = request.socket;
  return isLoopbackAddress(remoteAddress) && isLoopbackHost(request.headers.host) ? 'loopback' : 'plain';
}

/** Whether a Host header names this very machine. */
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

/** Whether the address of a connection is of this machine. */
function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/.test(address);
}
