import { BlockList, isIP } from 'node:net';
import { hostOf, schemeOf, type FrameworkRequest } from './request-facts.js';

/**
 * How a request was transported: `tls`, terminated here or at a trusted proxy; `loopback`, plain HTTP to a name that
 * browsers keep within their own machine; or `plain`, other plain HTTP, over which a browser drops a Secure cookie.
 */
export type Transport = 'tls' | 'loopback' | 'plain';

export function transportOf(request: FrameworkRequest): Transport {
  if (schemeOf(request) === 'https') return 'tls';
  return isLoopbackHost(hostOf(request)) && isNearby(request.socket.remoteAddress) ? 'loopback' : 'plain';
}

/**
 * Whether a Host header names the machine of the browser. These are the names that browsers never send over a network and
 * treat as secure without TLS, Secure cookies included (W3C Secure Contexts §3.1). No page can make a browser send such a
 * name to another address: after DNS rebinding the header still has the name of the attacker.
 */
export function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.replace(/:\d+$/, '');
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '[::1]' ||
    /^127(?:\.\d{1,3}){3}$/.test(name)
  );
}

/** This machine, and private networks, where the port of a container is published by a bridge (RFC 1918, 3927, 4193, 4291). */
const NEARBY = new BlockList();
for (const [net, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const)
  NEARBY.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  NEARBY.addSubnet(net, prefix, 'ipv6');

/**
 * Whether a connection may come from the machine of the browser: the address is this machine's, or the one of a bridge
 * between it and a container. Of a Unix socket it is unknown: there is a proxy behind it.
 */
function isNearby(remoteAddress: string | undefined): boolean {
  const address = (remoteAddress ?? '').replace(/%.*/, '');
  const family = isIP(address);
  return family !== 0 && NEARBY.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
