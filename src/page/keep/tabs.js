/**
 * Other tabs with this page: they share what is kept, and tell each other what has changed. An answer is written by the tab that
 * asked; the others show it as it is kept, and can have it stopped.
 */
import { randomId } from '../parts/random-id.js'

/**
 * @typedef {{ readonly type: 'changed', readonly conversation: string }
 *   | { readonly type: 'stop', readonly exchange: string }
 *   | { readonly type: 'there?', readonly tab: string }
 *   | { readonly type: 'here', readonly tab: string }} TabMessage
 */

/** Of this page, until it is loaded again. */
export const TAB = randomId()

const channel = globalThis.BroadcastChannel && new BroadcastChannel('aerie')

/** Browsers keep it from pages by plain http. */
const locks = /** @type {LockManager | undefined} */ (navigator.locks)

// Held for as long as this page is there, however busy it is; the browser lets go of it when the page is closed or breaks down.
void locks?.request(lockOf(TAB), () => new Promise(() => undefined))

/** Without locks: how long a tab may take to say that it is there. One that is busy for longer writes its answer all the same. */
const PATIENCE_MS = 3000

/** Without locks: how often it is asked. */
const PAUSE_MS = 2000

/** @param {TabMessage} message */
export function tellTabs(message) {
  channel?.postMessage(message)
}

/**
 * @param {(message: TabMessage) => void} listen
 * @returns {() => void} ends it
 */
export function listenToTabs(listen) {
  const hear = (/** @type {MessageEvent<TabMessage>} */ { data }) => listen(data)
  channel?.addEventListener('message', hear)
  return () => channel?.removeEventListener('message', hear)
}

listenToTabs((message) => {
  if (message.type === 'there?' && message.tab === TAB) tellTabs({ type: 'here', tab: TAB })
})

/**
 * Resolves when another tab is no longer there.
 * @param {string} tab
 */
export async function untilGone(tab) {
  if (locks) return locks.request(lockOf(tab), { mode: 'shared' }, () => undefined)
  while (await answers(tab)) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
}

/** @param {string} tab */
function lockOf(tab) {
  return `aerie.tab.${tab}`
}

/**
 * @param {string} tab
 * @returns {Promise<boolean>}
 */
function answers(tab) {
  const { promise, resolve } = Promise.withResolvers()
  const timer = setTimeout(resolve, PATIENCE_MS, false)
  const end = listenToTabs((message) => {
    if (message.type === 'here' && message.tab === tab) resolve(true)
  })
  tellTabs({ type: 'there?', tab })
  return promise.finally(() => {
    clearTimeout(timer)
    end()
  })
}
