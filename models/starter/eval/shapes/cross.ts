/** A plus-shaped cross: sharp, with round ends, flared, or with a longer foot. */
import { type Ring, rounded } from '../geometry.ts'
import { part, type Shape } from './shape.ts'

export const cross: Shape = (random) => {
  const arm = random.uniform(0.22, 0.38)
  switch (random.weighted({ plain: 2, soft: 1, flared: 1, long: 1 })) {
    case 'plain':
      return [part('main', beams(arm, 0))]
    case 'soft':
      return [part('main', rounded(beams(arm, 0), arm * 0.7))]
    case 'flared': {
      const end = arm * random.uniform(1.3, 1.6)
      return [part('main', flared(arm, end))]
    }
    case 'long':
      return [part('main', beams(arm * 0.85, random.uniform(0.2, 0.3)))]
  }
}

/** Two beams of half width `arm`; the lying one sits `raise` above the middle. */
function beams(arm: number, raise: number): Ring {
  const reach = 1 - raise / 2
  const [up, down] = [-raise - arm, -raise + arm]
  return [
    [-arm, -1],
    [arm, -1],
    [arm, up],
    [reach, up],
    [reach, down],
    [arm, down],
    [arm, 1],
    [-arm, 1],
    [-arm, down],
    [-reach, down],
    [-reach, up],
    [-arm, up],
  ]
}

function flared(arm: number, end: number): Ring {
  return [
    [-end, -1],
    [end, -1],
    [arm, -arm],
    [1, -end],
    [1, end],
    [arm, arm],
    [end, 1],
    [-end, 1],
    [-arm, arm],
    [-1, end],
    [-1, -end],
    [-arm, -arm],
  ]
}
