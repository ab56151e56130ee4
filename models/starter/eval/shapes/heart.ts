/** A heart: two lobes of curves, a tall slim one, or a rounded square on its tip with two half discs. */
import { arc, cubic, ellipse, type Point, type Ring } from '../geometry.ts'
import { part, type Shape } from './shape.ts'

export const heart: Shape = (random) => {
  switch (random.weighted({ curved: 2, slim: 1, built: 1, glossy: 1 })) {
    case 'curved':
      return [part('main', lobes(1, random.uniform(0.4, 0.6)))]
    case 'slim':
      return [part('main', lobes(random.uniform(0.8, 0.88), random.uniform(0.35, 0.5)))]
    case 'built':
      return [
        part('main', [
          ...arc(-0.48, -0.3, 0.5, 0.5, 140, 340),
          ...arc(0.48, -0.3, 0.5, 0.5, 200, 400),
          [0, 0.95],
        ]),
      ]
    case 'glossy':
      return [part('main', lobes(1, 0.5)), part('tint', ellipse(-0.5, -0.42, 0.17, 0.13))]
  }
}

function lobes(width: number, dip: number): Ring {
  const notch: Point = [0, dip - 1]
  const tip: Point = [0, 0.95]
  const right: Point = [width, -0.35]
  const left: Point = [-width, -0.35]
  return [
    ...cubic(notch, [0.15 * width, -1.05], [width, -1.1], right),
    ...cubic(right, [width, 0.15], [0.35 * width, 0.5], tip),
    ...cubic(tip, [-0.35 * width, 0.5], [-width, 0.15], left),
    ...cubic(left, [-width, -1.1], [-0.15 * width, -1.05], notch),
  ]
}
