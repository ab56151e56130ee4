/** A value that parts of the page watch. */
import { useEffect, useState } from './vendor/hooks.js'

/** @template T */
export class Store {
  /** @type {T} */
  #value
  /** @type {Set<(value: T) => void>} */
  #watchers = new Set()

  /** @param {T} value */
  constructor(value) {
    this.#value = value
  }

  get() {
    return this.#value
  }

  /** @param {T} value */
  set(value) {
    this.#value = value
    for (const watch of [...this.#watchers]) watch(value)
  }

  /**
   * @param {(value: T) => void} watch
   * @returns {() => void} ends it
   */
  watch(watch) {
    this.#watchers.add(watch)
    return () => this.#watchers.delete(watch)
  }
}

/**
 * The store's value; the component is drawn again when it changes.
 * @template T
 * @param {Store<T>} store
 * @returns {T}
 */
export function useStore(store) {
  const [, redraw] = useState(0)
  useEffect(() => store.watch(() => redraw((n) => n + 1)), [store])
  return store.get()
}
