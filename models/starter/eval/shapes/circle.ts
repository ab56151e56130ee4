/** A disc, a ball with a highlight, or a button with a rim. */
import { ellipse } from '../geometry.ts'
import { part, type Shape } from './shape.ts'

export const circle: Shape = (random) => {
  const disc = part('main', ellipse(0, 0, 1))
  switch (random.weighted({ disc: 2, ball: 1, button: 1 })) {
    case 'disc':
      return [disc]
    case 'ball':
      return [disc, part('tint', ellipse(-0.36, -0.42, random.uniform(0.14, 0.22), 0.15))]
    case 'button': {
      const rim = random.uniform(0.84, 0.9)
      return [part('shade', ellipse(0, 0, 1)), part('main', ellipse(0, 0, rim))]
    }
  }
}
