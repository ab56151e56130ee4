/** A ring: thin, thick, of two tones, or seen a little from above. */
import { ellipse } from '../geometry.ts'
import { part, type Shape } from './shape.ts'

export const ring: Shape = (random) => {
  const hole = random.uniform(0.5, 0.72)
  switch (random.weighted({ round: 2, oval: 1, banded: 1 })) {
    case 'round':
      return [part('main', ellipse(0, 0, 1), ellipse(0, 0, hole))]
    case 'oval': {
      const flat = random.uniform(0.78, 0.9)
      return [part('main', ellipse(0, 0, 1, flat), ellipse(0, 0, hole, hole * flat))]
    }
    case 'banded':
      return [
        part('main', ellipse(0, 0, 1), ellipse(0, 0, hole)),
        part('shade', ellipse(0, 0, hole + 0.1), ellipse(0, 0, hole)),
      ]
  }
}
