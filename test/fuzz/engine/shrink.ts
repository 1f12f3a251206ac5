/** A shorter input that fails as well: parts are left out, the largest first, as long as it helps. */
export async function shrink(input: string, fails: (input: string) => Promise<boolean>): Promise<string> {
  let text = input;
  for (let size = Math.ceil(text.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < text.length;) {
      const shorter = text.slice(0, at) + text.slice(at + size);
      if (await fails(shorter)) text = shorter;
      else at += size;
    }
  }
  return text;
}
