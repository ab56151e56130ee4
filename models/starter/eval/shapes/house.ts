/** A house: a cottage with a gable and chimney, a broad one with a hipped roof, or a narrow town house. */
import { arc, type Point, rectangle } from '../geometry.ts'
import { mirrored, type Part, part, type Shape } from './shape.ts'

export const house: Shape = (random) => {
  const design = random.weighted({ cottage: 2, broad: 1, town: 1 })
  const parts = design === 'cottage' ? cottage() : design === 'broad' ? broad() : town()
  return random.chance(0.5) ? parts : mirrored(parts)

  function cottage(): Part[] {
    const eaves = random.uniform(-0.2, 0.02)
    const roof = random.chance(0.6) ? 'shade' : 'main'
    return [
      part('shade', rectangle(0.4, -0.95, 0.62, eaves)),
      part('main', rectangle(-0.78, eaves, 0.78, 0.9)),
      part(roof, [
        [0, -1],
        [1, eaves],
        [-1, eaves],
      ]),
      part('wood', rectangle(-0.5, 0.32, -0.12, 0.9)),
      ...window(0.2, 0.22, 0.36),
    ]
  }

  function broad(): Part[] {
    const eaves = random.uniform(-0.18, -0.05)
    return [
      part('main', rectangle(-0.95, eaves, 0.95, 0.72)),
      part('shade', [
        [-0.62, -0.68],
        [0.62, -0.68],
        [1.05, eaves],
        [-1.05, eaves],
      ]),
      part('wood', rectangle(-0.16, 0.22, 0.16, 0.72)),
      ...window(-0.75, 0.12, 0.34),
      ...window(0.4, 0.12, 0.34),
    ]
  }

  function town(): Part[] {
    const door: Point[] = [[-0.18, 1], ...arc(0, 0.66, 0.18, 0.18, 180, 360), [0.18, 1]]
    return [
      part('main', [
        [-0.62, 1],
        [-0.62, -0.35],
        [0, -1],
        [0.62, -0.35],
        [0.62, 1],
      ]),
      part('shade', [
        [-0.74, -0.22],
        [0, -1],
        [0.74, -0.22],
        [0.6, -0.2],
        [0, -0.8],
        [-0.6, -0.2],
      ]),
      part('wood', door),
      ...window(-0.46, -0.12, 0.32),
      ...window(0.14, -0.12, 0.32),
    ]
  }
}

/** A glazed window with a cross bar, `side` wide, its upper left corner at (x, y). */
function window(x: number, y: number, side: number): Part[] {
  const [middle, bar] = [side / 2, side * 0.07]
  return [
    part('glass', rectangle(x, y, x + side, y + side)),
    part('dark', rectangle(x + middle - bar, y, x + middle + bar, y + side)),
  ]
}
