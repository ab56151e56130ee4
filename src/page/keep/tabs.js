/**
 * Other tabs with this page: they share what is kept, and tell each other what has changed. An answer is written by the tab that
 * asked; the others show it as it is kept, and can have it stopped.
 */

/**
 * @typedef {{ readonly type: 'changed', readonly conversation: string }
 *   | { readonly type: 'stop', readonly exchange: string }
 *   | { readonly type: 'running?', readonly exchanges: readonly string[] }
 *   | { readonly type: 'running', readonly exchanges: readonly string[] }} TabMessage
 */

const channel = globalThis.BroadcastChannel && new BroadcastChannel('aerie')

/** How long another tab may take to say that it is still at it: messages reach tabs in the background too, though later. */
const PATIENCE_MS = 3000

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

/**
 * Which of these answers another tab is waiting for.
 * @param {readonly string[]} exchanges
 * @returns {Promise<ReadonlySet<string>>}
 */
export async function runningElsewhere(exchanges) {
  /** @type {Set<string>} */
  const found = new Set()
  if (exchanges.length === 0) return found
  const end = listenToTabs((message) => {
    if (message.type === 'running') for (const id of message.exchanges) found.add(id)
  })
  tellTabs({ type: 'running?', exchanges })
  await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))
  end()
  return found
}
