/** What a page may say after a redirect, by the value of `?notice=`: never a text from the address itself. */
const NOTICES = {
  added: 'It is in your cart.',
  'email-changed': 'Your e-mail address was changed.',
  'logged-in': 'You are logged in, and your cart came along.',
  'logged-out': 'You are logged out. Cookies of this session that somebody copied are worth nothing now.',
  ordered: 'Thank you. Your order is on its way, or would be if this were a shop.',
  'others-ended': 'You are logged out everywhere else.',
  removed: 'It is out of your cart.',
  revoked: 'That device is logged out.',
} as const;

export type Notice = keyof typeof NOTICES;

export function noticeText(name: unknown): string | undefined {
  return typeof name === 'string' && Object.hasOwn(NOTICES, name) ? NOTICES[name as Notice] : undefined;
}
