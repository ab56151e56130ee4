/** A server that is gone: asked again until it is back. */
import { isReachable } from './client.js'

/** Longer and longer, and at once when the network is back or somebody looks. */
const FIRST_MS = 1000
const MOST_MS = 15_000

/**
 * @param {() => void} onBack
 * @returns {() => void} ends it
 */
export function untilReachable(onBack) {
  let pause = FIRST_MS
  let isOver = false
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const look = async () => {
    clearTimeout(timer)
    // Needs no key, and says no more than that somebody is there.
    const isThere = await fetch('/livez', { cache: 'no-store' }).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isOver) return
    if (isThere) {
      isReachable.set(true)
      onBack()
      return
    }
    pause = Math.min(pause * 1.6, MOST_MS)
    timer = setTimeout(look, pause)
  }
  const lookNow = () => void look()
  timer = setTimeout(look, pause)
  addEventListener('online', lookNow)
  document.addEventListener('visibilitychange', lookNow)
  return () => {
    isOver = true
    clearTimeout(timer)
    removeEventListener('online', lookNow)
    document.removeEventListener('visibilitychange', lookNow)
  }
}
