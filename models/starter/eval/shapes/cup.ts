/** A cup with a handle: a straight mug, a tea bowl on a saucer, or a tapered one with a band. */
import { arc, cubic, ellipse, type Point, rectangle, rounded } from '../geometry.ts'
import { mirrored, type Part, part, type Shape } from './shape.ts'

export const cup: Shape = (random) => {
  const design = random.weighted({ mug: 1, bowl: 1, tapered: 1 })
  const parts = design === 'mug' ? mug() : design === 'bowl' ? bowl() : tapered()
  return random.chance(0.5) ? parts : mirrored(parts)
}

/** A handle on the right of x; the even-odd hole shows what is behind. */
function handle(x: number, y: number, rx: number, ry: number): Part {
  return part('main', ellipse(x, y, rx, ry), ellipse(x, y, rx * 0.58, ry * 0.62))
}

function mug(): Part[] {
  return [
    handle(0.52, 0.02, 0.44, 0.46),
    part('main', rounded(rectangle(-0.75, -0.8, 0.55, 0.85), 0.12)),
    part('shade', ellipse(-0.1, -0.74, 0.62, 0.13)),
  ]
}

function bowl(): Part[] {
  const rim: Point = [0.68, -0.5]
  return [
    part('shade', ellipse(-0.08, 0.64, 0.9, 0.12)),
    handle(0.62, -0.16, 0.36, 0.3),
    part('main', [
      rim,
      ...cubic(rim, [0.66, 0.35], [0.25, 0.62], [-0.08, 0.62]),
      ...cubic([-0.08, 0.62], [-0.41, 0.62], [-0.82, 0.35], [-0.84, -0.5]),
    ]),
  ]
}

function tapered(): Part[] {
  const body: Point[] = [
    [-0.8, -0.85],
    [0.56, -0.85],
    [0.36, 0.8],
    ...arc(-0.12, 0.8, 0.48, 0.08, 0, 180),
  ]
  return [
    handle(0.46, -0.08, 0.46, 0.42),
    part('main', body),
    part('tint', [
      [-0.745, -0.4],
      [0.505, -0.4],
      [0.47, -0.12],
      [-0.71, -0.12],
    ]),
  ]
}
