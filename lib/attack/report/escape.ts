/** Control characters, halves of surrogate pairs and what is no character: neither XML nor a terminal takes them. */
const UNSAFE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u{FFFE}\u{FFFF}]|\p{Surrogate}/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A text in a document of XML or HTML, as content or as the value of an attribute. */
export const markup = (text: string): string =>
  text.replace(UNSAFE, '\ufffd').replace(/[&<>"']/g, (one) => ENTITIES[one] ?? '');

/** A text in a line of a terminal, which would obey what a target sends. */
export const terminal = (text: string): string => text.replace(/[\t\r\n]/g, ' ').replace(UNSAFE, '\ufffd');
