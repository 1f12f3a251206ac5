import { contenders, type Contender } from './contenders.js';
import { CountingProxy } from './counting-proxy.js';
import { Connection } from './load.js';
import type { Plan } from './options.js';
import { Server } from './processes.js';
import { profile as profileOf, takesPart, type Profile } from './profiles.js';
import { Visitors } from './visitors.js';

export interface Wire {
  contender: string;
  profile: string;
  /** Each per request. */
  roundTrips: number;
  sent: number;
  received: number;
}

const REQUESTS = 50;

/** What goes over the wire to the store for one request, counted by a proxy in between. */
export async function measureWire(plan: Plan): Promise<Wire[]> {
  const counted: Wire[] = [];
  for (const name of plan.smoke ? ['read'] : ['anonymous', 'read', 'write', 'roll', '4kB', '54kB']) {
    const profile = profileOf(name);
    for (const contender of contenders) {
      if (contender.needs && plan.wantsContender(contender) && takesPart(contender, profile)) {
        counted.push(await count(plan, contender, profile));
      }
    }
  }
  return counted;
}

async function count(plan: Plan, contender: Contender, profile: Profile): Promise<Wire> {
  const url = new URL(plan[contender.needs!]!);
  const proxy = await CountingProxy.to(url.hostname, Number(url.port));
  url.host = `127.0.0.1:${proxy.port}`;
  const server = await Server.start(plan.node, {
    contender: contender.name,
    rolling: profile.rolling ?? false,
    [contender.needs!]: url.href,
  });
  try {
    const visitors = await Visitors.come(server, contender, profile, 1);
    const connection = visitors.connections[0]!;
    // Scripts are loaded and statements prepared by the first requests.
    await oneByOne(connection, 5);
    proxy.reset();
    await oneByOne(connection, REQUESTS);
    visitors.leave();
    const { roundTrips, sent, received } = proxy.counts;
    const per = { roundTrips: roundTrips / REQUESTS, sent: sent / REQUESTS, received: received / REQUESTS };
    console.log(
      `wire       ${profile.name.padEnd(10)} ${contender.name.padEnd(16)} ${per.roundTrips} round trips, ${per.sent} bytes out, ${per.received} in`,
    );
    return { contender: contender.name, profile: profile.name, ...per };
  } finally {
    await server.stop();
    proxy.close();
  }
}

async function oneByOne(connection: Connection, requests: number): Promise<void> {
  for (let i = 0; i < requests; i++) {
    // A roll is due a millisecond after the last one.
    await new Promise((resolve) => setTimeout(resolve, 3));
    await new Promise<void>((resolve, reject) => {
      connection.send((error) => (error ? reject(error) : resolve()));
    });
  }
}
