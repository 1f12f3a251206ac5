export const page = (title: string, body: string): string =>
  `<!doctype html><meta charset="utf-8"><title>${title}</title><body style="font: 1rem/1.5 sans-serif; max-width: 45rem; margin: 2rem auto"><h1>${title}</h1>${body}</body>`;

export const time = (date: Date): string => date.toISOString().slice(11, 19);
