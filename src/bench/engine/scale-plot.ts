/**
 * Draws the cost of scale as SVG: throughput by sequences, a line for each context, and below it by context, a line for each
 * number of sequences. Both axes are logarithmic, so that a cliff looks the same at either end. As wide as a telephone, and dark
 * where the reader's system is.
 */
import { label } from '../plot.ts'
import type { ScalePoint, ScaleReport } from './scale.ts'

const WIDTH = 480
const PANEL = 330
const LEFT = 52
/** Names of the lines stand there. */
const RIGHT = 74
const TOP = 44
const BOTTOM = 46
/** Of two names. */
const LINE_HEIGHT = 15

const LIGHT = ['#0a3069', '#0969da', '#1b7c83', '#9a6700', '#bc4c00', '#a40e26', '#8250df']
const DARK = ['#a5d6ff', '#58a6ff', '#39c5cf', '#d29922', '#f0883e', '#ff7b72', '#bc8cff']

const STYLE = `<style>
svg { font: 13px sans-serif; fill: #24292f; }
.paper { fill: #fff; }
.grid { stroke: #d8dee4; }
polyline { fill: none; stroke: currentColor; stroke-width: 2; }
circle, .name { fill: currentColor; }
${classes(LIGHT)}
@media (prefers-color-scheme: dark) {
svg { fill: #e6edf3; }
.paper { fill: #0d1117; }
.grid { stroke: #30363d; }
${classes(DARK)}
}
</style>`

function classes(colors: readonly string[]): string {
  return colors.map((color, i) => `.line${i} { color: ${color}; }`).join('\n')
}

export function asScalePlot({ points }: Pick<ScaleReport, 'points'>): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${2 * PANEL}" width="${WIDTH}" height="${2 * PANEL}">`,
    STYLE,
    `<rect class="paper" width="${WIDTH}" height="${2 * PANEL}"/>`,
    ...panel(0, points, 'sequences', {
      title: 'tokens/s of all sequences, by positions before each',
      axis: 'sequences',
    }),
    ...panel(PANEL, points, 'context', {
      title: 'tokens/s of all sequences, by how many they are',
      axis: 'positions before each',
    }),
    '</svg>',
    '',
  ].join('\n')
}

interface Words {
  readonly title: string
  readonly axis: string
}

/** `x` by its steps, and a line for each value of the other. */
function panel(
  at: number,
  points: readonly ScalePoint[],
  x: 'sequences' | 'context',
  { title, axis }: Words,
): string[] {
  const line = x === 'sequences' ? 'context' : 'sequences'
  const steps = valuesOf(points, x)
  const step = (WIDTH - LEFT - RIGHT) / Math.max(1, steps.length)
  const xOf = (point: ScalePoint) => LEFT + step * (steps.indexOf(point[x]) + 0.5)
  const ticks = ticksOf(points.map(({ tokensPerSecond }) => tokensPerSecond))
  const [low, high] = [Math.log(ticks[0]!), Math.log(ticks.at(-1)!)]
  const [top, bottom] = [at + TOP, at + PANEL - BOTTOM]
  const yOf = (value: number) => bottom - ((Math.log(value) - low) / (high - low)) * (bottom - top)
  const lines = valuesOf(points, line).map((value) =>
    points.filter((point) => point[line] === value).sort((a, b) => a[x] - b[x]),
  )
  const names = spreadOut(lines.map((of) => yOf(of.at(-1)!.tokensPerSecond)))
  return [
    ...ticks.flatMap((tick) => [
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(yOf(tick))}" y2="${round(yOf(tick))}"/>`,
      text(LEFT - 6, yOf(tick) + 4, label(tick), 'end'),
    ]),
    ...steps.map((value, i) => text(LEFT + step * (i + 0.5), bottom + 18, String(value))),
    ...lines.flatMap((of, i) => {
      const places = of.map((point) => [xOf(point), yOf(point.tokensPerSecond)].map(round))
      return [
        `<g class="line${i % LIGHT.length}">`,
        `<polyline points="${places.map((place) => place.join(',')).join(' ')}"/>`,
        ...places.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3"/>`),
        text(xOf(of.at(-1)!) + 9, names[i]! + 4, nameOf(of[0]!, line), 'start', 'name'),
        '</g>',
      ]
    }),
    text(4, at + 20, title, 'start'),
    text(LEFT + (WIDTH - LEFT - RIGHT) / 2, at + PANEL - 8, axis),
  ]
}

function nameOf(point: ScalePoint, line: 'sequences' | 'context'): string {
  return line === 'context' ? `at ${point.context}` : `${point.sequences} ×`
}

function valuesOf(points: readonly ScalePoint[], of: 'sequences' | 'context'): number[] {
  return [...new Set(points.map((point) => point[of]))].sort((a, b) => a - b)
}

/** 1, 2 and 5 of every power of ten, from the last below the least value to the first above the largest; two at least. */
function ticksOf(values: readonly number[]): number[] {
  if (values.length === 0) return [1, 10]
  const [least, largest] = [Math.min(...values), Math.max(...values)]
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(least)); !(ticks.at(-1)! > largest); power++)
    ticks.push(...[1, 2, 5].map((digit) => digit * 10 ** power))
  const from = ticks.findLastIndex((tick) => tick <= least)
  const to = ticks.findIndex((tick) => tick > largest)
  return ticks.slice(from, to + 1)
}

/** Heights of names that are not to lie upon each other, each as near to its own as the ones above it allow. */
function spreadOut(heights: readonly number[]): number[] {
  const placed: number[] = []
  const order = heights.map((height, i) => ({ height, i })).sort((a, b) => a.height - b.height)
  let next = Number.NEGATIVE_INFINITY
  for (const { height, i } of order) {
    placed[i] = Math.max(height, next)
    next = placed[i]! + LINE_HEIGHT
  }
  return placed
}

const round = (value: number) => Number(value.toFixed(1))

const text = (x: number, y: number, content: string, anchor = 'middle', name = '') =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${name && ` class="${name}"`}>${content}</text>`
