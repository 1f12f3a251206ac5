import { IsIn } from 'class-validator';
import { PRODUCTS } from './products.js';

export class CartForm {
  @IsIn(PRODUCTS.map(({ sku }) => sku)) sku!: string;
}
