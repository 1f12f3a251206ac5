import { pathOf } from '../../../lib/core/model/data-json.js';

describe('the path of a value', () => {
  const steps = (count: number) => Array.from({ length: count }, () => 'a');

  it.each<[string, (string | number)[], string]>([
    ['cart', [], 'cart'],
    ['cart', ['items', 3, 'price'], 'cart.items[3].price'],
    ['cart', ['10', '0'], 'cart[10][0]'],
    ['cart', ['1a', 'a1', 'a-b'], 'cart["1a"].a1["a-b"]'],
    ['cart', ['größe', '_x', '$y', 'a$_1'], 'cart.größe._x.$y.a$_1'],
    ['cart', ['', 'a b', ' a', 'a '], 'cart[""]["a b"][" a"]["a "]'],
    ['cart', ['x'.repeat(64)], `cart.${'x'.repeat(64)}`],
    ['cart', ['x'.repeat(65)], `cart["${'x'.repeat(65)}"]`],
    ['a b', ['c'], '"a b".c'],
    ['cart', steps(20), `cart${'.a'.repeat(20)}`],
    ['cart', steps(21), `cart${'.a'.repeat(20)}…`],
  ])('of %s, %j is %s', (key, below, path) => {
    expect(pathOf(key, below)).toBe(path);
  });
});
