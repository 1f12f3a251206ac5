export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

/** The median, and the quartiles below and above it. */
export interface Spread {
  median: number;
  lower: number;
  upper: number;
}

export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  lower: percentile(values, 0.25),
  upper: percentile(values, 0.75),
});

/** What one has of another, round by round: what slows the machine down for a while slows both. */
export const ratioOf = (one: readonly number[], other: readonly number[]): Spread =>
  spreadOf(one.map((value, i) => value / other[i]!));

export const inText = ({ median, lower, upper }: Spread, digits = 2): string =>
  `${median.toFixed(digits)} (${lower.toFixed(digits)} to ${upper.toFixed(digits)})`;
