/** What stands in a header is ASCII (RFC 9110 §5.5); Node throws at other letters when it is too late to answer. */
const VISIBLE = /^[\x21-\x7e]*$/;

/** Whether a text can stand in a header, without blanks. */
export const isVisible = (text: string): boolean => VISIBLE.test(text);

/** What is wrong with a path that is not {@link isVisible}, and how to write it. */
export function encodedHint(value: string): string {
  const encoded = encodeURI(Buffer.from(value).toString()).replaceAll('%25', '%');
  return `it has characters that cannot stand in a header. Write them percent-encoded: '${encoded}'.`;
}
