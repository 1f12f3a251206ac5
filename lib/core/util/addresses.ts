/**
 * An address without the prefix by which a dual-stack socket reports an IPv4 client: `::ffff:192.0.2.1` is `192.0.2.1`
 * (IPv4-mapped addresses, RFC 4291 §2.5.5.2). Any other text is returned as it is.
 */
export const plainAddress = (address: string): string =>
  address.replace(/^::ffff:(?=\d{1,3}(?:\.\d{1,3}){3}$)/i, '');
