/**
 * Milliseconds for which a browser keeps a cookie at most (RFC 6265bis §5.5). For so long an old session may come whose own
 * end is unknown here, such as one that its library extends with each request.
 */
export const LONGEST_COOKIE = 400 * 24 * 60 * 60 * 1000;
