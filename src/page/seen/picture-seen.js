/** What the model saw of a picture: its tiles drawn over it, and what the towers were given. */

import { formatBytes } from '../conversation/attachments.js'
import { classes, h } from '../element.js'
import { useObjectUrl } from '../parts/object-url.js'
import { formatCount } from '../parts/shares.js'
import { useEffect, useRef, useState } from '../vendor/hooks.js'
import { canvasOf, nameOf, tilesOf } from './tiles.js'

/** @typedef {import('../types.d.ts').ImageSeen} ImageSeen */

const MOST_HEIGHT_REM = 22

/** Where there is nothing to show but the grid. */
const BLANK_HEIGHT_REM = 9

/** @param {{ readonly image: ImageSeen, readonly blob: Blob | undefined, readonly name: string }} props */
export function PictureSeen({ image, blob, name }) {
  const { levels } = image
  const finest = levels.reduce((best, { rows, columns }, i) => {
    const other = /** @type {typeof levels[number]} */ (levels[best])
    return rows * columns > other.rows * other.columns ? i : best
  }, 0)
  const [shown, setShown] = useState(finest)
  const level = levels[shown] ?? levels[0]
  return h(
    'figure',
    { class: 'picture-seen' },
    h(
      'div',
      { class: 'picture-drawn' },
      level && h(Overlay, { image, level, blob, name }),
      levels.length > 1
        ? h(
            'div',
            { class: 'levels', role: 'group', 'aria-label': 'Grids over the picture' },
            levels.map((one, i) =>
              h(
                'button',
                { key: i, type: 'button', 'aria-pressed': i === shown, onClick: () => setShown(i) },
                nameOf(one, levels.length),
              ),
            ),
          )
        : null,
    ),
    h(
      'figcaption',
      null,
      h('p', { class: 'seen-name' }, name, image.page === undefined ? '' : `, page ${image.page}`),
      h(
        'dl',
        { class: 'facts' },
        fact(
          'Picture',
          `${image.width} × ${image.height}, ${image.format}, ${formatBytes(image.bytes)}`,
        ),
        fact('Tiles', tilesInWords(image)),
        fact('Tokens', formatCount(image.tokens)),
        fact('Features', image.cached ? `from the cache (${image.cache ?? 'memory'})` : 'computed'),
        image.conversions.length > 0 ? fact('Steps', h(Steps, { steps: image.conversions })) : null,
      ),
      blob && levels.at(-1)?.rows === 1 && levels.at(-1)?.columns === 1
        ? h(Towers, { image, blob })
        : null,
    ),
  )
}

/** @param {ImageSeen} image */
function tilesInWords({ tiles, levels }) {
  if (tiles === 1) return 'one: the whole picture'
  const grids = levels.map((level) => nameOf(level, levels.length).toLowerCase())
  return `${tiles}: ${grids.join(' + ')}`
}

/** @param {{ readonly steps: readonly string[] }} props */
function Steps({ steps }) {
  return h(
    'ol',
    { class: 'steps' },
    steps.map((step, i) => h('li', { key: i }, step)),
  )
}

/**
 * @param {string} name
 * @param {import('../types.d.ts').Children} value
 */
export function fact(name, value) {
  return h('div', { key: name }, h('dt', null, name), h('dd', null, value))
}

/**
 * @param {{ readonly image: ImageSeen, readonly level: ImageSeen['levels'][number], readonly blob: Blob | undefined, readonly name: string }} props
 */
function Overlay({ image, level, blob, name }) {
  const canvas = canvasOf(image)
  const tiles = tilesOf(level)
  const per = (/** @type {number} */ part, /** @type {number} */ whole) =>
    `${(100 * part) / whole}%`
  const label = `${name}: ${nameOf(level, image.levels.length)}`
  return h(
    'div',
    {
      class: 'overlay',
      style: {
        aspectRatio: `${canvas.width} / ${canvas.height}`,
        maxWidth: `${((blob ? MOST_HEIGHT_REM : BLANK_HEIGHT_REM) * canvas.width) / canvas.height}rem`,
      },
    },
    blob
      ? h(Picture, {
          blob,
          alt: label,
          place: {
            left: per(-canvas.left, canvas.width),
            top: per(-canvas.top, canvas.height),
            width: per(image.width, canvas.width),
            height: per(image.height, canvas.height),
          },
        })
      : h(
          'span',
          { class: 'no-picture' },
          image.page === undefined ? 'no preview' : `page ${image.page}`,
        ),
    h(
      'svg',
      {
        viewBox: `${canvas.left} ${canvas.top} ${canvas.width} ${canvas.height}`,
        preserveAspectRatio: 'none',
        'aria-hidden': 'true',
      },
      // What the grid leaves out.
      h('path', { class: 'unseen', d: `${box(canvas)}${box(level.area)}`, 'fill-rule': 'evenodd' }),
      tiles.map(({ left, top, width, height }, i) =>
        h('rect', { key: i, class: 'tile', x: left, y: top, width, height }),
      ),
    ),
    tiles.length > 1
      ? tiles.map(({ left, top }, i) =>
          h(
            'span',
            {
              key: `n${i}`,
              class: classes('tile-number', tiles.length > 16 && 'small'),
              'aria-hidden': 'true',
              style: {
                left: per(left - canvas.left, canvas.width),
                top: per(top - canvas.top, canvas.height),
              },
            },
            i + 1,
          ),
        )
      : null,
  )
}

/** @param {{ readonly blob: Blob, readonly alt: string, readonly place: Record<string, string> }} props */
function Picture({ blob, alt, place }) {
  const url = useObjectUrl(blob)
  const [isBroken, setBroken] = useState(false)
  if (isBroken) return h('span', { class: 'no-picture' }, 'this browser cannot show it')
  return h('img', { src: url ?? '', alt, style: place, onError: () => url && setBroken(true) })
}

/** @param {import('./tiles.js').Box} box */
function box({ left, top, width, height }) {
  return `M${left} ${top}h${width}v${height}h${-width}z`
}

/** @param {{ readonly image: ImageSeen, readonly blob: Blob }} props */
function Towers({ image, blob }) {
  return h(
    'div',
    { class: 'towers' },
    image.towers.map(({ name, input_size: size }, i) =>
      h(
        'div',
        { key: i, class: 'tower' },
        h(TowerInput, { image, blob, size, name }),
        h('span', null, name, h('br', null), h('small', null, `${size} × ${size}`)),
      ),
    ),
  )
}

/**
 * The picture in as many pixels as the tower gets, near enough: the browser's own resize, not the model's.
 * @param {{ readonly image: ImageSeen, readonly blob: Blob, readonly size: number, readonly name: string }} props
 */
function TowerInput({ image, blob, size, name }) {
  const ref = useRef(/** @type {HTMLCanvasElement | null} */ (null))
  const { width, height, levels } = image
  useEffect(() => {
    let isGone = false
    const area = levels.at(-1)?.area
    createImageBitmap(blob).then(
      (bitmap) => {
        const context = ref.current?.getContext('2d')
        if (isGone || !context || !area) return bitmap.close()
        const scale = { x: size / area.width, y: size / area.height }
        context.imageSmoothingQuality = 'high'
        context.clearRect(0, 0, size, size)
        const [left, top] = [-area.left * scale.x, -area.top * scale.y]
        context.drawImage(bitmap, left, top, width * scale.x, height * scale.y)
        bitmap.close()
      },
      // The browser cannot decode it; the overlay says so.
      () => undefined,
    )
    return () => {
      isGone = true
    }
  }, [blob, size])
  const label = `The picture as ${name} gets it, ${size} by ${size} pixels`
  return h('canvas', { ref, width: size, height: size, role: 'img', 'aria-label': label })
}
