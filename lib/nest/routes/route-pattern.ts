/** A piece of a route's path between two slashes: a text, a parameter, or a wildcard that takes what follows. */
type Segment = Fixed | { kind: 'rest' };
type Fixed = { kind: 'text' | 'parameter'; text: string };

/** The path of a route, or of an entry of the option `exclude`, as Express or Fastify write it. */
export class RoutePattern {
  readonly segments: readonly Segment[];

  constructor(path: string) {
    // Optional groups are taken as if they were there.
    const pieces = path.replace(/[{}]/g, '').split('/');
    this.segments = pieces.filter((piece) => piece !== '').map(segmentOf);
  }

  /** The segments before the first wildcard. */
  get head(): readonly Fixed[] {
    const end = this.segments.findIndex((segment) => !isFixed(segment));
    return (end === -1 ? this.segments : this.segments.slice(0, end)).filter(isFixed);
  }

  /** Whether it ends in a wildcard. */
  get isOpen(): boolean {
    return !this.segments.every(isFixed);
  }

  /**
   * Where another pattern occurs in this one: at its end or, if it is open, before its end. As a path that both of them
   * match, with what is before the place where the other begins.
   */
  occurrencesOf(other: RoutePattern): Occurrence[] {
    const { head, isOpen } = other;
    const last = this.segments.length - head.length;
    const found: Occurrence[] = [];
    for (let offset = isOpen ? 0 : Math.max(0, last); offset <= last; offset++) {
      if (isOpen && offset === last) continue;
      const pairs = head.map((segment, i) => [segment, this.segments[offset + i]!] as const);
      if (!pairs.every(([a, b]) => agree(a, b))) continue;
      const literal = pairs.some(([a, b]) => a.kind === 'text' && b.kind === 'text');
      const path = this.segments.map((segment, i) => sampleOf(segment, head[i - offset]));
      found.push({ path: `/${path.join('/')}`, literal });
    }
    return found;
  }

  /** The last texts of it, as many as asked for, for a comparison by letters. */
  tail(count: number): string {
    const texts = this.segments.slice(-count).map((segment) => (segment.kind === 'text' ? segment.text : ''));
    return texts.join('/').toLowerCase();
  }
}

export interface Occurrence {
  /** A path of a request. */
  path: string;
  /** Whether a text of the one is a text of the other, rather than what a parameter takes. */
  literal: boolean;
}

function segmentOf(piece: string): Segment {
  if (piece.startsWith('*')) return { kind: 'rest' };
  return { kind: /[:*(]/.test(piece) ? 'parameter' : 'text', text: piece };
}

const isFixed = (segment: Segment): segment is Fixed => segment.kind !== 'rest';

function agree(a: Segment, b: Segment): boolean {
  if (a.kind !== 'text' || b.kind !== 'text') return true;
  return a.text.toLowerCase() === b.text.toLowerCase();
}

/** @param fixed what the other pattern has in this place */
function sampleOf(segment: Segment, fixed: Segment | undefined): string {
  if (segment.kind === 'text') return segment.text;
  if (fixed?.kind === 'text') return fixed.text;
  // A parameter may be a part of its segment, as in ':id.pdf'.
  return segment.kind === 'parameter' ? segment.text.replace(/:\w+(?:\([^)]*\))?\??/g, 'x') : 'x';
}
