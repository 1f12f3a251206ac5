/** A reply of the server, the same from every driver: numbers are texts. */
export type Reply = string | null | Reply[];

/**
 * Drivers map the server's types in several ways, some of them by the application's options. A list is converted in
 * place: the driver made it for this reply alone, and in most replies every item is a text already.
 *
 * @throws TypeError for a type that no command of this store replies with
 */
export function toReply(value: unknown): Reply {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return toReplies(value);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  // A map of RESP3, as a list of keys and values, which it is in RESP2.
  if (value instanceof Map) return toReplies([...value].flat());
  if (Object.prototype.toString.call(value) === '[object Object]')
    return toReplies(Object.entries(value).flat());
  throw new TypeError('The Redis client returned a type that no command of this store replies with.');
}

function toReplies(items: unknown[]): Reply[] {
  for (let i = 0; i < items.length; i++) if (typeof items[i] !== 'string') items[i] = toReply(items[i]);
  return items as Reply[];
}

/** Whether an item of a reply has the expected type. `undefined` stands for an item that is missing. */
type ItemCheck<Item extends Reply | undefined = Reply | undefined> = (
  item: Reply | undefined,
) => item is Item;
type ItemsOf<Checks extends readonly ItemCheck[]> = {
  -readonly [Index in keyof Checks]: Checks[Index] extends ItemCheck<infer Item> ? Item : never;
};

export const isText = (item: Reply | undefined): item is string => typeof item === 'string';

/** A text, or nil, which a script may also leave out at the end. */
export const isOptionalText = (item: Reply | undefined): item is string | null | undefined =>
  item === null || item === undefined || typeof item === 'string';

export const isTexts = (item: Reply | undefined): item is string[] =>
  Array.isArray(item) && item.every(isText);

export const isReply = (item: Reply | undefined): item is Reply => item !== undefined;

/**
 * A reply that is a list, with the type of each item. Further items are not checked.
 *
 * @throws TypeError if an item has another type
 */
export function tuple<Checks extends readonly ItemCheck[]>(reply: Reply, ...checks: Checks): ItemsOf<Checks> {
  if (!Array.isArray(reply) || !checks.every((check, i) => check(reply[i]))) throw unexpected();
  return reply as ItemsOf<Checks>;
}

const unexpected = (): TypeError =>
  new TypeError('The Redis server replied with something else than the script of this store returns.');
