/** Where tiles lie over a picture, in its own pixels. */

/** @typedef {import('../types.d.ts').ImageSeen} ImageSeen */
/** @typedef {ImageSeen['levels'][number]} Level */
/** @typedef {{ readonly left: number, readonly top: number, readonly width: number, readonly height: number }} Box */

/**
 * The tiles of one grid, row-major.
 * @param {Level} level
 * @returns {Box[]}
 */
export function tilesOf({ rows, columns, area }) {
  const [width, height] = [area.width / columns, area.height / rows]
  return Array.from({ length: rows * columns }, (_, i) => ({
    left: area.left + (i % columns) * width,
    top: area.top + Math.floor(i / columns) * height,
    width,
    height,
  }))
}

/**
 * What has to be drawn: the picture, and padding around it that the model sees too.
 * @param {Pick<ImageSeen, 'width' | 'height' | 'levels'>} image
 * @returns {Box}
 */
export function canvasOf({ width, height, levels }) {
  const areas = levels.map(({ area }) => area)
  const left = Math.min(0, ...areas.map((area) => area.left))
  const top = Math.min(0, ...areas.map((area) => area.top))
  const right = Math.max(width, ...areas.map((area) => area.left + area.width))
  const bottom = Math.max(height, ...areas.map((area) => area.top + area.height))
  return { left, top, width: right - left, height: bottom - top }
}

/**
 * Its name among those of the picture.
 * @param {Level} level
 * @param {number} levels how many there are
 */
export function nameOf({ rows, columns }, levels) {
  if (rows * columns > 1) return `${rows} × ${columns} tiles`
  return levels > 1 ? 'Overview' : 'One tile'
}
