import { request, type IncomingHttpHeaders, type RequestOptions } from 'node:http';

/** Headers by name, in any case. */
export type AgentHeaders = Readonly<Record<string, string>>;

/** What an agent sends: a form, a text or bytes as they are, anything else as JSON. */
export type AgentBody = string | Uint8Array | URLSearchParams | object;

/** The response to a request of an agent. Redirects are not followed. */
export interface AgentResponse {
  /** The status code, 303 for example. */
  status: number;
  /** By their names in lower case, as Node has them. */
  headers: IncomingHttpHeaders;
  /** The body as it came. */
  text: string;
  /** What a JSON body holds; of another one, or one that is broken, the text. */
  body: unknown;
}

/** By node:http, since tests replace the global `fetch`. The connection is closed with the response, so that none keeps the application open. */
export function exchange(
  { headers, ...target }: RequestOptions & { headers: AgentHeaders },
  body: AgentBody | undefined,
): Promise<AgentResponse> {
  const content = contentOf(body);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { ...target, agent: false, headers: { ...content?.headers, ...headers } },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const { statusCode = 0, headers } = incoming;
          resolve({ status: statusCode, headers, text, body: bodyOf(text, headers) });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(content?.bytes);
  });
}

function contentOf(body: AgentBody | undefined): { bytes: Uint8Array; headers: AgentHeaders } | undefined {
  if (body === undefined) return undefined;
  if (typeof body === 'string' || body instanceof Uint8Array) return content(body);
  if (body instanceof URLSearchParams) return content(body.toString(), 'application/x-www-form-urlencoded');
  return content(JSON.stringify(body), 'application/json');
}

function content(body: string | Uint8Array, type?: string): { bytes: Uint8Array; headers: AgentHeaders } {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return {
    bytes,
    headers: {
      'content-length': String(bytes.byteLength),
      ...(type !== undefined && { 'content-type': type }),
    },
  };
}

function bodyOf(text: string, headers: IncomingHttpHeaders): unknown {
  if (text === '' || !/^application\/(?:[\w.-]+\+)?json\b/i.test(headers['content-type'] ?? '')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
