/** Draws a benchmark's result as SVG: throughput as bars, time to first token as a line, by clients. */
import type { BenchResult } from './measure.ts'

const WIDTH = 640
const HEIGHT = 300
const LEFT = 60
const RIGHT = 60
const TOP = 46
const BOTTOM = 46

/** The picture; both axes start at zero. */
export function asPlot(result: BenchResult): string {
  const levels = result.levels.map(({ summary }) => ({
    clients: summary.max_concurrency,
    throughput: summary.request_throughput,
    ttft: summary.ttft_ms.p95,
  }))
  const step = (WIDTH - LEFT - RIGHT) / Math.max(1, levels.length)
  const throughputTop = niceTop(Math.max(...levels.map((l) => l.throughput)))
  const ttftTop = niceTop(Math.max(...levels.map((l) => l.ttft)))
  const y = (value: number, top: number) =>
    HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM)
  const x = (i: number) => LEFT + step * (i + 0.5)
  const bars = levels.map(({ throughput }, i) => {
    const top = y(throughput, throughputTop)
    const height = HEIGHT - BOTTOM - top
    return (
      `<rect x="${x(i) - step / 4}" y="${top}" width="${step / 2}" height="${height}" fill="#4a78c2"/>` +
      text(x(i), top - 6, throughput.toFixed(1), '#2b4f8a')
    )
  })
  const points = levels.map(({ ttft }, i) => `${x(i)},${y(ttft, ttftTop)}`)
  const dots = points.map((point) => {
    const [cx, cy] = point.split(',')
    return `<circle cx="${cx}" cy="${cy}" r="4" fill="#c2410c"/>`
  })
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share, 1)
    return (
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}" stroke="#ddd"/>` +
      text(LEFT - 8, at + 4, label(share * throughputTop), '#2b4f8a', 'end') +
      text(WIDTH - RIGHT + 8, at + 4, label(share * ttftTop), '#c2410c', 'start')
    )
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    ...ticks,
    ...bars,
    `<polyline points="${points.join(' ')}" fill="none" stroke="#c2410c" stroke-width="2"/>`,
    ...dots,
    ...levels.map(({ clients }, i) => text(x(i), HEIGHT - BOTTOM + 18, String(clients), '#333')),
    text(WIDTH / 2, HEIGHT - 8, 'clients', '#333'),
    text(LEFT - 40, 22, 'requests/s (bars)', '#2b4f8a', 'start'),
    text(WIDTH - 12, 22, 'TTFT p95, ms (line)', '#c2410c', 'end'),
    '</svg>',
    '',
  ].join('\n')
}

/** The smallest round number that is not below the value. */
export function niceTop(value: number): number {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return power * ([1, 1.5, 2, 3, 4, 5, 7.5, 10].find((n) => n * power >= value) ?? 10)
}

/** Three digits. */
export const label = (value: number) => String(Number(value.toPrecision(3)))

export const text = (x: number, y: number, content: string, fill: string, anchor = 'middle') =>
  `<text x="${x}" y="${y}" fill="${fill}" text-anchor="${anchor}">${content}</text>`
