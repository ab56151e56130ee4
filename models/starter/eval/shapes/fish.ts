/** A fish: oval with a fan tail, a lens with a forked tail, or a round one with fins. */
import { arc, ellipse, type Point, quadratic } from '../geometry.ts'
import { mirrored, type Part, part, type Shape } from './shape.ts'

export const fish: Shape = (random) => {
  const design = random.weighted({ oval: 1, lens: 1, round: 1 })
  const parts = design === 'oval' ? oval() : design === 'lens' ? lens() : round()
  return random.chance(0.5) ? parts : mirrored(parts)
}

function eye(x: number, y: number, radius: number): Part[] {
  return [part('pale', ellipse(x, y, radius)), part('dark', ellipse(x, y, radius * 0.5))]
}

function oval(): Part[] {
  return [
    part('shade', [[0.4, 0], [0.95, -0.46], ...arc(0.95, 0, 0.1, 0.46, -90, 90), [0.95, 0.46]]),
    part('shade', [
      [-0.35, -0.3],
      [0, -0.68],
      [0.25, -0.3],
    ]),
    part('main', ellipse(-0.2, 0, 0.78, 0.46)),
    ...eye(-0.62, -0.1, 0.12),
  ]
}

function lens(): Part[] {
  const [nose, tail]: [Point, Point] = [
    [-1, 0.02],
    [0.55, 0],
  ]
  return [
    part('main', [
      [0.4, 0],
      [1, -0.52],
      [0.8, 0],
      [1, 0.52],
    ]),
    part('main', [
      nose,
      ...quadratic(nose, [-0.3, -0.95], tail),
      ...quadratic(tail, [-0.3, 0.95], nose),
    ]),
    part('tint', [
      [-0.15, 0.06],
      [0.22, 0.26],
      [0.12, -0.02],
    ]),
    ...eye(-0.6, -0.08, 0.11),
  ]
}

function round(): Part[] {
  return [
    part('shade', [[-0.3, -0.5], ...arc(0, -0.5, 0.32, 0.3, 180, 360), [0.3, -0.4]]),
    part('shade', [
      [-0.2, 0.5],
      [0.25, 0.5],
      [0.2, 0.82],
    ]),
    part('main', [[0.42, 0], [0.98, -0.5], ...quadratic([0.98, -0.5], [0.7, 0], [0.98, 0.5])]),
    part('main', ellipse(-0.18, 0, 0.72, 0.62)),
    part('shade', [
      [0.02, 0],
      [0.3, -0.14],
      [0.3, 0.16],
    ]),
    ...eye(-0.52, -0.14, 0.13),
  ]
}
