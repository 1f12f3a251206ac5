import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import {
  DeviceBound,
  LoginGuard,
  Session,
  SessionService,
  type SessionEvent,
  type SessionModuleOptions,
} from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { BindingBrowser } from '../../support/device.js';
import { start, type PlatformName, type Setup } from '../../support/platforms.js';

@Controller()
class DeviceController {
  @Get('vault')
  @DeviceBound()
  vault() {
    return { ok: true };
  }

  @Get('bound')
  @UseGuards(LoginGuard)
  bound(@Session() session: Session<Data>) {
    return { since: session.boundAt ?? null };
  }

  @Post('xhr')
  @UseGuards(LoginGuard)
  xhr() {
    return { ok: true };
  }
}

/** An application whose sessions are bound, with a browser that binds, and what was emitted. */
export async function startBound(
  platform: PlatformName,
  options: Partial<SessionModuleOptions> = {},
  setup: Setup = {},
) {
  const running = await start(platform, {
    controllers: [AppController, DeviceController],
    ...setup,
    options: { deviceBound: true, ...options },
  });
  const sessions = running.app.get<SessionService<Data>>(SessionService);
  const events: SessionEvent[] = [];
  sessions.events.subscribe((event) => events.push(event));
  return {
    ...running,
    sessions,
    events,
    browser: new BindingBrowser(running.url),
    /** The events of this type, without their times. */
    told: (type: SessionEvent['type']) => events.filter((event) => event.type === type),
  };
}
