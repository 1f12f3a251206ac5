import type { Json } from '../config/config.js';

/** What a JSON pointer (RFC 6901) leads to in a text of JSON. */
export function atPointer(body: string, pointer: string): Json | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value as Json;
}

/** No tag with a token is this long. Without a bound a page of tags that do not end would take minutes. */
const MAX_TAG = 4096;

/** An attribute of the first tag of HTML that has another attribute with this value. */
export function inTag(
  html: string,
  tag: 'meta' | 'input',
  name: string,
  wanted: 'content' | 'value',
): string | undefined {
  for (const [, text = ''] of html.matchAll(new RegExp(`<${tag}\\s([^>]{0,${MAX_TAG}})>`, 'gi'))) {
    const attributes = new Map(
      [...text.matchAll(/(?<![\w-])([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g)].map(
        ([, key = '', double, single, bare]) => [key.toLowerCase(), double ?? single ?? bare ?? ''],
      ),
    );
    if (attributes.get('name') === name) return unescape(attributes.get(wanted));
  }
  return undefined;
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  quot: '"',
  '#39': "'",
  '#x27': "'",
  lt: '<',
  gt: '>',
};

const unescape = (text: string | undefined): string | undefined =>
  text?.replace(/&(amp|quot|#39|#x27|lt|gt);/gi, (_, name: string) => ENTITIES[name.toLowerCase()] ?? '');
