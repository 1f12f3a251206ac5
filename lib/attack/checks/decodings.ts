/** What a token may say: as it is, and its parts decoded as an escape, Base64, Base64url or hexadecimal. */
export function decodings(value: string): string[] {
  const plain = unescaped(value);
  const parts = [plain, ...plain.split(/[.~|:*!]/)].filter((part) => part.length >= 4);
  return [...new Set([value, ...parts, ...parts.flatMap(decoded)])];
}

function decoded(part: string): string[] {
  const found: string[] = [];
  if (/^[\w+/-]+={0,2}$/.test(part)) found.push(Buffer.from(part, 'base64').toString('utf8'));
  if (/^([0-9a-f]{2})+$/i.test(part)) found.push(Buffer.from(part, 'hex').toString('utf8'));
  return found;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
