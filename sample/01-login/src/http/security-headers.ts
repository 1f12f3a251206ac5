import type { NextFunction, Request, Response } from 'express';

const HEADERS = {
  // Nothing from elsewhere, and nothing inline: markup that slipped through the escaping could run no script.
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  // To ourselves with the path: after a re-login it is the way back to the page that a form was sent from.
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

/** On every response. Behind TLS add Strict-Transport-Security; on http://localhost browsers ignore it. */
export function securityHeaders(_request: Request, response: Response, next: NextFunction): void {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  next();
}
