/** Draws the cost of scale as SVG: throughput by sequences, and beside it by context. Every step of an axis is a point. */
import { label, niceTop, text } from '../plot.ts'
import type { ScalePoint, ScaleReport } from './scale.ts'

const WIDTH = 900
const HEIGHT = 300
const PANEL = WIDTH / 2
const LEFT = 60
const RIGHT = 24
const TOP = 46
const BOTTOM = 46
const COLOR = '#4a78c2'

/** Both axes of throughput start at zero. */
export function asScalePlot({ bySequences, byContext }: ScaleReport): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    ...panel(0, bySequences, {
      title: `tokens/s of all sequences, ${bySequences[0]?.context ?? 0} positions each`,
      axis: 'sequences',
      of: (point) => point.sequences,
    }),
    ...panel(PANEL, byContext, {
      title: 'tokens/s of one sequence',
      axis: 'positions before',
      of: (point) => point.context,
    }),
    '</svg>',
    '',
  ].join('\n')
}

interface Axis {
  readonly title: string
  readonly axis: string
  readonly of: (point: ScalePoint) => number
}

function panel(at: number, points: readonly ScalePoint[], { title, axis, of }: Axis): string[] {
  const top = niceTop(Math.max(0, ...points.map(({ tokensPerSecond }) => tokensPerSecond)))
  const step = (PANEL - LEFT - RIGHT) / Math.max(1, points.length)
  const x = (i: number) => at + LEFT + step * (i + 0.5)
  const y = (value: number) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM)
  const ticks = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    `<line x1="${at + LEFT}" x2="${at + PANEL - RIGHT}" y1="${y(share * top)}" y2="${y(share * top)}" stroke="#ddd"/>`,
    text(at + LEFT - 8, y(share * top) + 4, label(share * top), '#333', 'end'),
  ])
  const places = points.map((point, i) => `${x(i)},${y(point.tokensPerSecond)}`)
  return [
    ...ticks,
    `<polyline points="${places.join(' ')}" fill="none" stroke="${COLOR}" stroke-width="2"/>`,
    ...points.flatMap((point, i) => [
      `<circle cx="${x(i)}" cy="${y(point.tokensPerSecond)}" r="4" fill="${COLOR}"/>`,
      text(x(i), y(point.tokensPerSecond) - 10, label(point.tokensPerSecond), '#2b4f8a'),
      text(x(i), HEIGHT - BOTTOM + 18, String(of(point)), '#333'),
    ]),
    text(at + LEFT, 22, title, '#333', 'start'),
    text(at + LEFT + (PANEL - LEFT - RIGHT) / 2, HEIGHT - 8, axis, '#333'),
  ]
}
