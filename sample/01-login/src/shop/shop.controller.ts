import { Controller, Get, Query } from '@nestjs/common';
import { Public } from 'nest-sessions';
import { noticeText } from '../views/notices.js';
import { Pages } from '../views/pages.js';
import { shopView } from './shop.view.js';

@Public()
@Controller()
export class ShopController {
  constructor(private readonly pages: Pages) {}

  @Get()
  show(@Query('notice') notice: unknown): string {
    return this.pages.render({ title: 'Stationery', main: shopView(), notice: noticeText(notice) });
  }
}
