export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly about: string;
  /** In cents. */
  readonly price: number;
}

export const PRODUCTS: readonly Product[] = [
  { sku: 'notebook', name: 'Notebook', about: 'Ninety-six pages, dotted, lies flat.', price: 1290 },
  { sku: 'pencil', name: 'Pencil', about: 'Cedar, soft, with a name on it: yours.', price: 240 },
  { sku: 'ink', name: 'Bottle of ink', about: 'Blue that turns black as it dries.', price: 980 },
  { sku: 'ruler', name: 'Ruler', about: 'Brass. Thirty centimetres, no more.', price: 1650 },
  { sku: 'envelope', name: 'Envelopes', about: 'Twenty-five of them, lined in grey.', price: 720 },
  { sku: 'paper', name: 'Folding paper', about: 'Sixty sheets for sixty cranes.', price: 560 },
];

const EUROS = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' });

export const product = (sku: string): Product | undefined => PRODUCTS.find((one) => one.sku === sku);

export const inEuros = (cents: number): string => EUROS.format(cents / 100);
