import type { Complaints } from './complaints.js';
import type {
  CountTemplate,
  CsrfSource,
  Expectation,
  Json,
  ReadTemplate,
  RequestTemplate,
  WriteTemplate,
} from './config.js';

const REQUEST = ['method', 'path', 'headers', 'json', 'form'];

/** @param extra keys that this template has beside those of every request */
export function requestOf(
  value: unknown,
  path: string,
  complaints: Complaints,
  usual: 'GET' | 'POST',
  extra: readonly string[] = [],
): RequestTemplate | undefined {
  const given = complaints.object(value, path, [...REQUEST, ...extra]);
  if (!given) return undefined;
  const { method: named = usual, headers = {}, json, form } = given;
  const method = complaints.text(named, `${path}.method`)?.toUpperCase();
  if (method && !/^[A-Z]+$/.test(method)) complaints.add(`${path}.method`, 'is no method of HTTP.');
  const where = complaints.path(given['path'], `${path}.path`);
  if (json !== undefined && form !== undefined) complaints.add(path, 'give "json" or "form", not both.');
  if (json !== undefined && method === 'GET') complaints.add(path, 'a GET has no body.');
  const texts = complaints.texts(headers, `${path}.headers`);
  checkHeaders(texts, `${path}.headers`, complaints);
  const fields = form === undefined ? undefined : complaints.texts(form, `${path}.form`);
  if (method === undefined || where === undefined) return undefined;
  return {
    ...{ method, path: where, headers: texts },
    ...(json !== undefined && { json: json as Json }),
    ...(fields && { form: fields }),
  };
}

/** What the program sets by itself would be lost, or would lie. */
const OWN = ['cookie', 'host', 'origin', 'content-length', 'connection', 'transfer-encoding'];

function checkHeaders(headers: Readonly<Record<string, string>>, path: string, complaints: Complaints): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[^\t\x20-\x7e]/.test(value))
      complaints.add(`${path}.${name}`, 'is no header of HTTP.');
    if (OWN.includes(name.toLowerCase()) || name.toLowerCase().startsWith('sec-fetch-'))
      complaints.add(`${path}.${name}`, 'is set by the program itself.');
  }
}

export function readOf(value: unknown, complaints: Complaints): ReadTemplate | undefined {
  const request = requestOf(value, 'read', complaints, 'GET', ['loggedIn']);
  if (!request) return undefined;
  const { loggedIn } = value as { loggedIn?: unknown };
  return { ...request, loggedIn: loggedIn === undefined ? {} : expectationOf(loggedIn, complaints) };
}

function expectationOf(value: unknown, complaints: Complaints): Expectation {
  const path = 'read.loggedIn';
  const { status, json, matches } = complaints.object(value, path, ['status', 'json', 'matches']) ?? {};
  const list: unknown[] = status === undefined ? [] : Array.isArray(status) ? status : [status];
  const statuses = list.filter((one) => typeof one === 'number' && one >= 100 && one < 600) as number[];
  if (statuses.length < list.length) complaints.add(`${path}.status`, 'give a status, or a list of them.');
  const values = json === undefined ? undefined : complaints.object(json, `${path}.json`);
  for (const pointer of Object.keys(values ?? {})) complaints.pointer(pointer, `${path}.json`);
  const pattern = matches === undefined ? undefined : complaints.pattern(matches, `${path}.matches`);
  return {
    ...(statuses.length > 0 && { status: statuses }),
    ...(values && { json: values as Readonly<Record<string, Json>> }),
    ...(pattern !== undefined && { matches: pattern }),
  };
}

export function writeOf(value: unknown, complaints: Complaints): WriteTemplate | undefined {
  const request = requestOf(value, 'write', complaints, 'POST', ['read']);
  const read = request && requestOf((value as { read?: unknown }).read, 'write.read', complaints, 'GET');
  if (!request || !read) return undefined;
  if (!JSON.stringify(request).includes('{{value}}'))
    return complaints.add('write', 'has no "{{value}}": the program looks for it in write.read.');
  return { ...request, read };
}

export function countOf(value: unknown, complaints: Complaints): CountTemplate | undefined {
  const request = requestOf(value, 'increment', complaints, 'POST', ['read', 'count']);
  if (!request) return undefined;
  const given = value as { read?: unknown; count?: unknown };
  const read = requestOf(given.read, 'increment.read', complaints, 'GET');
  const found = complaints.object(given.count, 'increment.count', ['json', 'matches']);
  if (!read || !found) return undefined;
  const json =
    found['json'] === undefined ? undefined : complaints.pointer(found['json'], 'increment.count.json');
  if (json !== undefined) return { ...request, read, count: { json } };
  const matches = complaints.pattern(found['matches'], 'increment.count.matches');
  return matches === undefined ? undefined : { ...request, read, count: { matches } };
}

export function csrfOf(value: unknown, complaints: Complaints): CsrfSource | undefined {
  const given = complaints.object(value, 'csrf', ['path', 'from', 'to']);
  if (!given) return undefined;
  const path = complaints.path(given['path'], 'csrf.path');
  const from = oneOf(given['from'], 'csrf.from', ['json', 'meta', 'input', 'cookie'], complaints);
  const to = oneOf(given['to'], 'csrf.to', ['header', 'field'], complaints);
  if (path === undefined || !from || !to) return undefined;
  return { path, from: from as CsrfSource['from'], to: to as CsrfSource['to'] };
}

/** An object with exactly one of the keys, and a text. */
function oneOf(
  value: unknown,
  path: string,
  keys: readonly string[],
  complaints: Complaints,
): Readonly<Record<string, string>> | undefined {
  const given = complaints.object(value, path, keys);
  if (!given) return undefined;
  const [key, ...more] = Object.keys(given);
  if (key === undefined || more.length > 0) return complaints.add(path, `give one of: ${keys.join(', ')}.`);
  const text = complaints.text(given[key], `${path}.${key}`);
  return text === undefined ? undefined : { [key]: text };
}
