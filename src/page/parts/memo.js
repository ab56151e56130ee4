/** Parts of the page that are drawn again only when they change: an answer that grows is drawn many times, what stands above it is not. */
import { Component, createElement } from '../vendor/preact.js'

/**
 * @template P
 * @param {(props: P) => import('preact').VNode | null} draw
 * @param {(before: P, after: P) => boolean} [isSame] each property is the same, where it is not given
 * @returns {(props: P) => import('preact').VNode | null} a component
 */
export function memo(draw, isSame = areSame) {
  const drawn = /** @type {import('preact').FunctionComponent} */ (/** @type {unknown} */ (draw))
  class Memo extends Component {
    /**
     * @override
     * @param {unknown} next
     */
    shouldComponentUpdate(next) {
      return !isSame(/** @type {P} */ (this.props), /** @type {P} */ (next))
    }

    /** @override */
    render() {
      return createElement(drawn, this.props)
    }
  }
  return /** @type {any} */ (Memo)
}

/**
 * @param {unknown} before
 * @param {unknown} after
 */
function areSame(before, after) {
  const [a, b] = [Object.entries(Object(before)), Object.entries(Object(after))]
  return a.length === b.length && b.every(([name, value]) => Object(before)[name] === value)
}
