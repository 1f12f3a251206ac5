import { Module } from '@nestjs/common';
import { CartController } from './cart.controller.js';
import { CheckoutController } from './checkout.controller.js';
import { ShopController } from './shop.controller.js';

@Module({ controllers: [ShopController, CartController, CheckoutController] })
export class ShopModule {}
