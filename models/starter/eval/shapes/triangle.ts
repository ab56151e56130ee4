/** A triangle: even, leaning to a side, or with soft corners; sometimes with a lighter core. */
import { type Ring, rounded } from '../geometry.ts'
import { part, type Shape } from './shape.ts'

export const triangle: Shape = (random) => {
  const height = random.uniform(0.8, 1.05)
  const design = random.weighted({ even: 2, leaning: 1, soft: 1, cored: 1 })
  const apex = design === 'leaning' ? random.uniform(0.25, 0.6) * (random.chance(0.5) ? 1 : -1) : 0
  const corners = (scale: number): Ring => [
    [apex * scale, -height * scale + (1 - scale) * 0.28],
    [scale, height * 0.75 * scale + (1 - scale) * 0.28],
    [-scale, height * 0.75 * scale + (1 - scale) * 0.28],
  ]
  if (design === 'soft') return [part('main', rounded(corners(1), random.uniform(0.15, 0.35)))]
  if (design === 'cored') return [part('shade', corners(1)), part('main', corners(0.74))]
  return [part('main', corners(1))]
}
