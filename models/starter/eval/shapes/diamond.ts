/** A diamond as on playing cards: straight, with hollow sides, or cut into four facets. */
import { type Point, quadratic, type Ring } from '../geometry.ts'
import { part, type Shape } from './shape.ts'

export const diamond: Shape = (random) => {
  const half = random.uniform(0.62, 0.85)
  const tips: readonly Point[] = [
    [0, -1],
    [half, 0],
    [0, 1],
    [-half, 0],
  ]
  switch (random.weighted({ straight: 2, hollow: 1, faceted: 1 })) {
    case 'straight':
      return [part('main', tips)]
    case 'hollow': {
      const pull = random.uniform(0.43, 0.47) // 0.5 would be straight
      const outline: Ring = tips.flatMap((tip, i) => {
        const next = tips[(i + 1) % 4] as Point
        return quadratic(tip, [(tip[0] + next[0]) * pull, (tip[1] + next[1]) * pull], next)
      })
      return [part('main', outline)]
    }
    case 'faceted':
      return [
        part('main', tips),
        part('tint', [
          [0, -1],
          [0, 0],
          [-half, 0],
        ]),
        part('shade', [
          [0, 1],
          [0, 0],
          [half, 0],
        ]),
      ]
  }
}
