import { note } from './dom.js';

export const post = (path, body = {}) =>
  ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** The body of the response. @throws Error with its status, and with the code where it has one */
export async function ask(path, options = {}) {
  const response = await fetch(path, options);
  const text = await response.text();
  const body = text && JSON.parse(text);
  note(`${options.method ?? 'GET'} ${path} → ${response.status}${body.code ? ` ${body.code}` : ''}`);
  if (response.ok) return body;
  throw Object.assign(new Error(String(body.message)), { status: response.status, code: body.code });
}
