/** A crescent: the moon cut by a second disc, thin to thick, horns to either side; sometimes with craters. */
import { arc, ellipse, type Point } from '../geometry.ts'
import { mirrored, part, type Shape } from './shape.ts'

export const moon: Shape = (random) => {
  const bite = random.uniform(0.78, 0.95) // radius of the disc that is cut away
  const shift = random.uniform(0.48, 0.66) // and how far to the right it lies
  // Both circles meet where x² + y² = 1 and (x − shift)² + y² = bite².
  const x = (1 + shift * shift - bite * bite) / (2 * shift)
  const y = Math.sqrt(1 - x * x)
  const degrees = (dx: number, dy: number) => (Math.atan2(dy, dx) * 180) / Math.PI
  const outer = degrees(x, y)
  const inner = degrees(x - shift, y)
  const crescent: Point[] = [
    ...arc(0, 0, 1, 1, outer, 360 - outer),
    ...arc(shift, 0, bite, bite, 360 - inner, inner).slice(1, -1),
  ]
  const parts = [part('main', crescent)]
  if (random.chance(0.3)) {
    parts.push(part('shade', ellipse(-0.72, -0.22, 0.1)), part('shade', ellipse(-0.62, 0.28, 0.13)))
  }
  return random.chance(0.5) ? parts : mirrored(parts)
}
