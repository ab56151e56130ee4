/** A flower seen from above: round petals, long daisy petals, or pointed ones, around a yellow-brown centre. */
import { cubic, ellipse, type Point, type Ring } from '../geometry.ts'
import { part, type Shape } from './shape.ts'

export const flower: Shape = (random) => {
  switch (random.weighted({ round: 1, daisy: 1, pointed: 1 })) {
    case 'round': {
      const count = 5 + random.below(2)
      const petals = around(count, ellipse(0, -0.62, count === 5 ? 0.4 : 0.36))
      return [
        ...petals.map((petal) => part('main', petal)),
        part('pollen', ellipse(0, 0, random.uniform(0.26, 0.34))),
      ]
    }
    case 'daisy': {
      const petals = around(8, ellipse(0, -0.62, 0.19, 0.4))
      return [...petals.map((petal) => part('main', petal)), part('pollen', ellipse(0, 0, 0.28))]
    }
    case 'pointed': {
      const count = 5 + random.below(3)
      const width = 1.9 / count
      const petal: Ring = [
        ...cubic([0, 0], [-width * 1.6, -0.45], [-width, -0.8], [0, -1]),
        ...cubic([0, -1], [width, -0.8], [width * 1.6, -0.45], [0, 0]),
      ]
      const petals = around(count, petal)
      return [
        ...petals.map((outline, i) => part(i % 2 === 0 ? 'main' : 'shade', outline)),
        part('pollen', ellipse(0, 0, 0.22)),
      ]
    }
  }
}

/** `count` copies of a petal that points up, turned evenly around the origin. */
function around(count: number, petal: Ring): Ring[] {
  return Array.from({ length: count }, (_, i) => {
    const angle = (2 * Math.PI * i) / count
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
    return petal.map(([x, y]): Point => [x * cos - y * sin, x * sin + y * cos])
  })
}
