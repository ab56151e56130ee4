/** A car from the side: a saloon, a hatchback, or a round little one. */
import { cubic, ellipse, type Point, rectangle } from '../geometry.ts'
import { mirrored, type Part, part, type Shape } from './shape.ts'

export const car: Shape = (random) => {
  const design = random.weighted({ saloon: 1, hatchback: 1, round: 1 })
  const parts = design === 'saloon' ? saloon() : design === 'hatchback' ? hatchback() : round()
  return random.chance(0.5) ? parts : mirrored(parts)
}

function saloon(): Part[] {
  return [
    part('main', [
      [-1, 0.28],
      [-0.97, -0.04],
      [-0.62, -0.1],
      [-0.34, -0.46],
      [0.3, -0.46],
      [0.58, -0.12],
      [0.94, -0.02],
      [1, 0.28],
    ]),
    part('glass', [
      [-0.5, -0.1],
      [-0.28, -0.38],
      [-0.05, -0.38],
      [-0.05, -0.1],
    ]),
    part('glass', [
      [0.05, -0.1],
      [0.05, -0.38],
      [0.25, -0.38],
      [0.46, -0.1],
    ]),
    ...wheel(-0.55, 0.28, 0.23),
    ...wheel(0.55, 0.28, 0.23),
  ]
}

function hatchback(): Part[] {
  return [
    part('main', [
      [-0.95, 0.4],
      [-1, -0.15],
      [-0.8, -0.6],
      [0.15, -0.6],
      [0.5, -0.12],
      [0.95, 0],
      [0.98, 0.4],
    ]),
    part('glass', [
      [-0.8, -0.14],
      [-0.68, -0.48],
      [-0.3, -0.48],
      [-0.3, -0.14],
    ]),
    part('glass', [
      [-0.18, -0.14],
      [-0.18, -0.48],
      [0.1, -0.48],
      [0.34, -0.14],
    ]),
    part('shade', rectangle(-0.92, 0.14, 0.94, 0.2)),
    ...wheel(-0.55, 0.4, 0.25),
    ...wheel(0.55, 0.4, 0.25),
  ]
}

function round(): Part[] {
  const start: Point = [-1, 0.35]
  return [
    part('main', [
      start,
      ...cubic(start, [-1, -0.05], [-0.7, -0.1], [-0.55, -0.15]),
      ...cubic([-0.55, -0.15], [-0.4, -0.8], [0.4, -0.8], [0.55, -0.15]),
      ...cubic([0.55, -0.15], [0.75, -0.1], [1, -0.05], [1, 0.35]),
    ]),
    part('glass', [
      [-0.4, -0.14],
      ...cubic([-0.4, -0.14], [-0.3, -0.6], [0.3, -0.6], [0.4, -0.14]),
    ]),
    part('main', rectangle(-0.05, -0.6, 0.05, -0.1)),
    ...wheel(-0.55, 0.35, 0.26),
    ...wheel(0.55, 0.35, 0.26),
  ]
}

function wheel(x: number, y: number, radius: number): Part[] {
  return [part('dark', ellipse(x, y, radius)), part('pale', ellipse(x, y, radius * 0.45))]
}
