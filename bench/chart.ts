import { contenders, type Contender } from './contenders.js';
import type { Results } from './results.js';
import type { Measured } from './throughput.js';

const WIDTH = 860;
const LABEL = 330;
const BAR = 20;
const GAP = 8;
const HEAD = 56;
const COLOURS: Record<Contender['kind'], string> = { scale: '#9aa4b2', ours: '#2563a8', peer: '#d08a2e' };

/** Bars for the logged-in read of each contender, with a whisker from the lower to the upper quartile. */
export function chart({ node, throughput }: Results): string {
  const bars = contenders.flatMap((contender) => {
    const found = throughput!.find((one) => one.contender === contender.name && one.profile === 'read');
    return found ? [{ contender, found }] : [];
  });
  const height = HEAD + bars.length * (BAR + GAP) + 24;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="22" font-size="15" font-weight="600" fill="#1c2430">Logged-in reads for the same CPU time, as a share of the application without sessions</text>
<text x="12" y="42" fill="#5b6675">Node ${node}; medians, whiskers from the lower to the upper quartile</text>
${bars.map(({ contender, found }, i) => bar(contender, found, HEAD + i * (BAR + GAP))).join('\n')}
</svg>
`;
}

function bar({ title, platform, kind }: Contender, { cpuShare: share }: Measured, y: number): string {
  const x = (value: number): number => Math.round(LABEL + value * (WIDTH - LABEL - 70));
  const middle = y + BAR / 2;
  const label = `${platform === 'express' ? 'Express' : 'Fastify'}: ${title.replace(/`/g, '').replace(/^floor: .*/, 'floor')}`;
  return [
    `<text x="${LABEL - 8}" y="${middle + 4}" text-anchor="end" fill="#1c2430">${label}</text>`,
    `<rect x="${LABEL}" y="${y}" width="${x(share.median) - LABEL}" height="${BAR}" fill="${COLOURS[kind]}"/>`,
    `<path d="M${x(share.lower)} ${middle}H${x(share.upper)}" stroke="#1c2430" stroke-width="1.5"/>`,
    `<text x="${x(Math.max(share.median, share.upper)) + 6}" y="${middle + 4}" fill="#1c2430">${share.median.toFixed(2)}</text>`,
  ].join('');
}
