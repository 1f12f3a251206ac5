import { Controller, Get } from '@nestjs/common';

@Controller('about')
export class AboutController {
  @Get()
  about() {
    return { sessions: 'express-session' };
  }
}
