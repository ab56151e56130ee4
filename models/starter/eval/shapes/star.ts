/** A star of five, six or eight points: sharp, plump, or folded like paper into light and dark halves. */
import { type Point, type Ring, rounded } from '../geometry.ts'
import { part, type Shape } from './shape.ts'

export const star: Shape = (random) => {
  const points = Number(random.weighted({ 5: 6, 6: 2, 8: 1 }))
  const inner = points === 5 ? random.uniform(0.36, 0.52) : random.uniform(0.48, 0.62)
  const outline: Ring = Array.from({ length: 2 * points }, (_, i): Point => {
    const radius = i % 2 === 0 ? 1 : inner
    const angle = (i * Math.PI) / points
    return [radius * Math.sin(angle), -radius * Math.cos(angle)]
  })
  switch (random.weighted({ sharp: 2, plump: 1, folded: 1 })) {
    case 'sharp':
      return [part('main', outline)]
    case 'plump':
      return [part('main', rounded(outline, random.uniform(0.1, 0.22)))]
    case 'folded': {
      const halves = outline.flatMap((tip, i): Ring[] =>
        i % 2 === 0 ? [[[0, 0], tip, outline[(i + 1) % outline.length] as Point]] : [],
      )
      return [part('main', outline), ...halves.map((half) => part('shade', half))]
    }
  }
}
