/** A tree: a fir of stacked tiers, a broad one with a crown of lobes, or a tall poplar. */
import { ellipse, rectangle } from '../geometry.ts'
import { part, type Shape } from './shape.ts'

export const tree: Shape = (random) => {
  const half = random.uniform(0.09, 0.16) // of the trunk's width
  const trunk = part('wood', [
    [-half, 0.3],
    [half, 0.3],
    [half * 1.4, 1],
    [-half * 1.4, 1],
  ])
  switch (random.weighted({ fir: 1, broad: 1, poplar: 1 })) {
    case 'fir': {
      const tiers = 2 + random.below(3)
      const width = random.uniform(0.62, 0.8)
      const crown = Array.from({ length: tiers }, (_, i) => {
        const top = -1 + (1.1 * i) / tiers
        const bottom = -1 + (1.6 * (i + 1)) / tiers
        const reach = width * (0.55 + (0.45 * (i + 1)) / tiers)
        return part(i % 2 === 0 ? 'main' : 'shade', [
          [0, top],
          [reach, bottom],
          [-reach, bottom],
        ])
      })
      return [part('wood', rectangle(-half, 0.5, half, 1)), ...crown.reverse()]
    }
    case 'broad':
      return [
        trunk,
        part('shade', ellipse(-0.42, -0.1, 0.42)),
        part('main', ellipse(0.42, -0.12, 0.44)),
        part('main', ellipse(-0.05, -0.5, 0.5)),
        part('main', ellipse(0, 0.02, 0.48, 0.4)),
      ]
    case 'poplar':
      return [trunk, part('main', ellipse(0, -0.28, random.uniform(0.42, 0.55), 0.74))]
  }
}
