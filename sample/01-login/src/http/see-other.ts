import type { Response } from 'express';

/** Answers a form with another page to get (303, RFC 9110 §15.4.4), so that a reload sends nothing twice. */
export function seeOther(response: Response, url: string): string {
  response.status(303).setHeader('Location', url);
  return '';
}
