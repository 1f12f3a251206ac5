// Asks the server. What an error means is said by its code alone; what to do then, by the page.

const log = document.querySelector('#log');

/** An error of GraphQL, or of the whole response, with its code: see docs/graphql.md. */
export class CodedError extends Error {
  constructor(message, { code, max_age: maxAge } = {}) {
    super(message);
    this.code = code;
    this.maxAge = maxAge;
  }
}

/** The data of the response. @throws CodedError the first error, if there is one */
export async function ask(query, variables = {}) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors, message, code } = await response.json();
  note(
    query,
    errors ? errors.map((error) => error.extensions.code).join(', ') : (code ?? JSON.stringify(data)),
  );
  // Without data or errors it is no response of GraphQL: a 503, say.
  if (!errors && !data) throw new CodedError(message, { code });
  if (errors) throw new CodedError(textOf(errors[0]), errors[0].extensions);
  return data;
}

/** What class-validator says stands beside the message. */
const textOf = ({ message, extensions }) => extensions.originalError?.message?.toString() ?? message;

/** Without the variables: passwords are among them. */
function note(query, answer) {
  const item = document.createElement('li');
  const line = document.createElement('pre');
  line.textContent = `${query.replace(/\s+/g, ' ').trim()}\n→ ${answer}`;
  item.append(line);
  log.prepend(item);
}
