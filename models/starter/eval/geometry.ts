/** Plane geometry on polygons: every outline is a ring of points, so that any warp is exact. */

export type Point = readonly [x: number, y: number]
/** A closed outline; the last point joins the first. */
export type Ring = readonly Point[]

export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

const ARC_STEPS = 72

/** Points of an elliptic arc from angle `from` to `to` in degrees, clockwise on the screen from three o'clock. */
export function arc(
  cx: number,
  cy: number,
  rx: number,
  ry: number,
  from: number,
  to: number,
): Point[] {
  const steps = Math.max(3, Math.round((ARC_STEPS * Math.abs(to - from)) / 360))
  return Array.from({ length: steps + 1 }, (_, i): Point => {
    const angle = ((from + ((to - from) * i) / steps) * Math.PI) / 180
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)]
  })
}

export function ellipse(cx: number, cy: number, rx: number, ry = rx): Ring {
  return arc(cx, cy, rx, ry, 0, 360).slice(0, -1)
}

export function rectangle(left: number, top: number, right: number, bottom: number): Ring {
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ]
}

/** Points of a cubic Bézier curve, its start left out so that curves chain. */
export function cubic(p0: Point, p1: Point, p2: Point, p3: Point, steps = 16): Point[] {
  return Array.from({ length: steps }, (_, i): Point => {
    const t = (i + 1) / steps
    const u = 1 - t
    const mix = (k: 0 | 1) =>
      u * u * u * p0[k] + 3 * u * u * t * p1[k] + 3 * u * t * t * p2[k] + t * t * t * p3[k]
    return [mix(0), mix(1)]
  })
}

/** Points of a quadratic Bézier curve, its start left out. */
export function quadratic(p0: Point, p1: Point, p2: Point, steps = 10): Point[] {
  const third = (p: Point): Point => [
    p[0] + (2 / 3) * (p1[0] - p[0]),
    p[1] + (2 / 3) * (p1[1] - p[1]),
  ]
  return cubic(p0, third(p0), third(p2), p2, steps)
}

/** A polygon whose corners are rounded; `radius` is how far along each edge the rounding starts. */
export function rounded(corners: Ring, radius: number): Ring {
  if (radius <= 0) return corners
  return corners.flatMap((corner, i) => {
    const before = corners[(i + corners.length - 1) % corners.length] as Point
    const after = corners[(i + 1) % corners.length] as Point
    const start = towards(corner, before, radius)
    return [start, ...quadratic(start, corner, towards(corner, after, radius), 8)]
  })
}

/** The point `distance` from `from` on the way to `to`, at most half way. */
function towards(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1])
  const t = length === 0 ? 0 : Math.min(0.5, distance / length)
  return [from[0] + (to[0] - from[0]) * t, from[1] + (to[1] - from[1]) * t]
}

export function boxOf(rings: readonly Ring[]): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (const [x, y] of rings.flat()) {
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
  }
  return { left, top, right, bottom }
}

/** Turns, squeezes and tilts a flat figure as a camera that looks at it slightly from aside would. */
export interface Pose {
  /** Degrees, clockwise on the screen. */
  readonly turn: number
  /** Width over height by which the figure is stretched. */
  readonly stretch: number
  /** Horizontal shear. */
  readonly skew: number
  /** Perspective: how much nearer one side is, about −0.25…0.25, across and down. */
  readonly tilt: Point
}

/** The projective map of a pose, for figures of about unit size around the origin. */
export function posed(pose: Pose): (point: Point) => Point {
  const angle = (pose.turn * Math.PI) / 180
  const [cos, sin, wide] = [Math.cos(angle), Math.sin(angle), Math.sqrt(pose.stretch)]
  return ([px, py]) => {
    const x = px * wide + pose.skew * py
    const y = py / wide
    const depth = 1 + pose.tilt[0] * x + pose.tilt[1] * y
    return [(x * cos - y * sin) / depth, (x * sin + y * cos) / depth]
  }
}

/** SVG path data of rings, to two decimals. */
export function pathData(rings: readonly Ring[]): string {
  const point = ([x, y]: Point) => `${x.toFixed(2)} ${y.toFixed(2)}`
  return rings.map((ring) => `M${ring.map(point).join('L')}Z`).join('')
}
