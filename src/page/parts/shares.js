/** Parts of a whole as one stacked bar with its legend: tokens, milliseconds. */
import { h } from '../element.js'

/**
 * @typedef {object} Share
 * @property {string} name
 * @property {number} value
 * @property {string} shown the value in words
 * @property {string} tone which of the colours, as `style.css` names them
 */

/**
 * @param {{ readonly title: string, readonly total: string, readonly shares: readonly Share[] }} props
 */
export function Shares({ title, total, shares }) {
  const drawn = shares.filter(({ value }) => value > 0)
  return h(
    'section',
    { class: 'shares' },
    h('h3', null, title, ' ', h('span', { class: 'shares-total' }, total)),
    h(
      'div',
      { class: 'shares-bar', 'aria-hidden': 'true' },
      drawn.map(({ name, value, tone }) =>
        h('span', { key: name, class: `tone-${tone}`, style: { flexGrow: value } }),
      ),
    ),
    h(
      'ul',
      { class: 'legend' },
      drawn.map(({ name, shown, tone }) =>
        h(
          'li',
          { key: name },
          h('span', { class: `swatch tone-${tone}`, 'aria-hidden': 'true' }),
          `${name} `,
          h('b', null, shown),
        ),
      ),
    ),
  )
}

/** @param {number} ms */
export function formatMs(ms) {
  if (ms < 1) return '<1 ms'
  if (ms < 1000) return `${Math.round(ms)} ms`
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}

/** @param {number} count */
export function formatCount(count) {
  return count.toLocaleString('en-US').replaceAll(',', ' ')
}

/**
 * `1.4 s`, and from a minute on `2:05.3`.
 * @param {number} seconds
 */
export function formatSeconds(seconds) {
  if (seconds < 60) return `${Number(seconds.toFixed(2))} s`
  const tenths = Math.round(seconds * 10)
  const rest = ((tenths % 600) / 10).toFixed(1)
  return `${Math.floor(tenths / 600)}:${rest.padStart(4, '0')}`
}
