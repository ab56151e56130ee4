/** Words for screen readers alone: that an answer has begun, and then the whole of it, rather than each word as it comes. */
import { h } from './element.js'
import { Store, useStore } from './store.js'

const said = new Store('')

/** @param {string} text */
export function announce(text) {
  said.set(text)
}

export function Announcer() {
  return h('p', { class: 'hidden', role: 'status', 'aria-live': 'polite' }, useStore(said))
}
