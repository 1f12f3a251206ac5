import type { Expectation, Json, RequestTemplate } from '../config/config.js';
import { atPointer } from '../http/find.js';
import type { Reply } from '../http/client.js';

export type Values = Readonly<Record<string, string>>;

/** Puts values in the place of `{{name}}`. A name without a value stays, so that it is seen. */
const fill = (text: string, values: Values, encode: (value: string) => string = (value) => value): string =>
  text.replace(/\{\{([\w.-]+)\}\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? encode(values[name]!) : whole,
  );

export function fillJson(value: Json, values: Values): Json {
  if (typeof value === 'string') return fill(value, values);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((one: Json) => fillJson(one, values));
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [fill(key, values), fillJson(one, values)]),
  );
}

export interface Filled {
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/** The request of a template. @param fields more of the body, such as a token against CSRF */
export function fillRequest(template: RequestTemplate, values: Values, fields: Values = {}): Filled {
  const headers = Object.entries(template.headers).map(([name, text]) => [
    name.toLowerCase(),
    fill(text, values),
  ]);
  const filled: Filled = {
    path: fill(template.path, values, encodeURIComponent),
    headers: Object.fromEntries(headers) as Record<string, string>,
  };
  const { json, form } = template;
  if (form !== undefined || (json === undefined && Object.keys(fields).length > 0)) {
    const given = Object.entries(form ?? {}).map(([key, text]): [string, string] => [
      fill(key, values),
      fill(text, values),
    ]);
    filled.body = new URLSearchParams([...given, ...Object.entries(fields)]).toString();
    filled.headers['content-type'] ??= 'application/x-www-form-urlencoded';
  } else if (json !== undefined) {
    const body = fillJson(json, values);
    const more = isObject(body) ? { ...body, ...fields } : body;
    filled.body = JSON.stringify(more);
    filled.headers['content-type'] ??= 'application/json';
  }
  return filled;
}

export function meets(reply: Reply, expected: Expectation, values: Values): boolean {
  const { status, json, matches } = expected;
  if (!status && !json && matches === undefined) return reply.status >= 200 && reply.status < 300;
  if (status && !status.includes(reply.status)) return false;
  for (const [pointer, value] of Object.entries(json ?? {})) {
    if (JSON.stringify(atPointer(reply.body, pointer)) !== JSON.stringify(fillJson(value, values)))
      return false;
  }
  return matches === undefined || new RegExp(fill(matches, values, literally)).test(reply.body);
}

/** A value means itself in a regular expression. */
const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
