/** Changes that come faster than they can be seen. */

/** Where there are no frames, as in a tab in the background. */
const MOST_MS = 200

/**
 * @param {() => void} act
 * @returns {() => void} has it done with the next frame, once, however often it is called until then
 */
export function eachFrame(act) {
  let isDue = false
  return () => {
    if (isDue) return
    isDue = true
    const now = () => {
      cancelAnimationFrame(frame)
      clearTimeout(timer)
      isDue = false
      act()
    }
    const frame = requestAnimationFrame(now)
    const timer = setTimeout(now, MOST_MS)
  }
}
