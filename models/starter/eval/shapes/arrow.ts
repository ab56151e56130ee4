/** A block arrow in one of four directions: plain, with a notched tail, slim with barbs, or soft. */
import { type Ring, rounded } from '../geometry.ts'
import { part, type Shape } from './shape.ts'

export const arrow: Shape = (random) => {
  const shaft = random.uniform(0.18, 0.3)
  const head = random.uniform(0.55, 0.75)
  const neck = random.uniform(-0.05, 0.25)
  const outline = (barb: number, notch: number): Ring => [
    [1, 0],
    [neck - barb, -head],
    [neck, -shaft],
    [-1, -shaft],
    ...(notch > 0 ? ([[-1 + notch, 0]] as const) : []),
    [-1, shaft],
    [neck, shaft],
    [neck - barb, head],
  ]
  const pointingRight = (): Ring => {
    switch (random.weighted({ plain: 2, notched: 1, barbed: 1, soft: 1 })) {
      case 'plain':
        return outline(0, 0)
      case 'notched':
        return outline(0, random.uniform(0.15, 0.3))
      case 'barbed':
        return outline(random.uniform(0.15, 0.3), 0)
      case 'soft':
        return rounded(outline(0, 0), 0.12)
    }
  }
  const quarterTurns = random.below(4)
  const turned = pointingRight().map(([x, y]) => {
    let [u, v] = [x, y]
    for (let i = 0; i < quarterTurns; i++) [u, v] = [-v, u]
    return [u, v] as const
  })
  return [part('main', turned)]
}
