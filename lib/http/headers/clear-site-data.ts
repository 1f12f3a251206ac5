import type { HeadHeaders } from './shared-headers.js';

/** Adds types to `Clear-Site-Data` (W3C Clear Site Data §3.1); keeps what the application has set. */
export function addClearSiteData(head: HeadHeaders, types: readonly string[]): void {
  if (types.length === 0) return;
  const given = head.getHeader('clear-site-data');
  const present = given === undefined ? [] : [given].flat().map(String);
  const added = types.map((type) => `"${type}"`).filter((type) => !present.some((one) => one.includes(type)));
  head.setHeader('Clear-Site-Data', [...present, ...added].join(', '));
}
