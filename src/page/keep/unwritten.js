/**
 * What IndexedDB was given and has not acknowledged yet. It is asynchronous, and a page can be gone before it has listened: by a
 * reload, a closed tab, a crash. The browser's storage of short texts is written at once, so there each change lies until then, and
 * the next page that opens finds it. Files are not among it: they are written when they are added, long before they are asked about.
 */

/** @typedef {import('../types.d.ts').ConversationHead} ConversationHead */
/** @typedef {import('../types.d.ts').KeptExchange} KeptExchange */
/** @typedef {import('./database.js').Change} Change */

/** @typedef {{ readonly head: ConversationHead, readonly over?: string } | { readonly exchange: KeptExchange, readonly over?: string } | { readonly goneExchange: string } | { readonly goneConversation: string }} Entry */

const PREFIX = 'aerie.unwritten.'

/** Of all entries, of the five million that browsers give all of the page. What is beyond it has IndexedDB alone. */
const MOST_CHARACTERS = 2_000_000

/**
 * @param {Change} change that IndexedDB is about to be given
 * @returns {() => void} to be called when it has acknowledged it
 */
export function remember({
  heads = [],
  exchanges = [],
  goneExchanges = [],
  goneConversations = [],
}) {
  const gone = new Set(goneConversations)
  if (gone.size > 0)
    for (const [key, entry] of entries())
      if ('exchange' in entry && gone.has(entry.exchange.conversation)) localStorage.removeItem(key)
  const isOver = exchanges.length > 0 && exchanges.every(({ over }) => over)
  const texts = new Map([
    ...heads.map((head) => entryText(head.id, { head, ...(isOver && { over: 'any' }) })),
    // That an answer is over which nobody waits for is found out again by whoever opens it.
    ...exchanges
      .filter(({ over }) => over === undefined || over === 'any')
      .map(({ record, over }) => entryText(record.id, { exchange: record, ...(over && { over }) })),
    ...goneExchanges.map((id) => entryText(id, { goneExchange: id })),
    ...goneConversations.map((id) => entryText(id, { goneConversation: id })),
  ])
  for (const [key, text] of texts) store(key, text)
  return () => {
    // What has changed since is another change's.
    for (const [key, text] of texts)
      if (localStorage.getItem(key) === text) localStorage.removeItem(key)
  }
}

/**
 * What pages that are gone have left behind, and what other tabs are about to have written.
 * @returns {Required<Pick<Change, 'heads' | 'exchanges' | 'goneExchanges' | 'goneConversations'>> & { readonly known: ReadonlySet<string> }}
 *   `known`: ids of what was there already: where it is not any more, it was deleted
 */
export function remembered() {
  const all = entries().map(([, entry]) => entry)
  return {
    known: new Set(
      all.flatMap((entry) =>
        'over' in entry && entry.over ? ['head' in entry ? entry.head.id : entry.exchange.id] : [],
      ),
    ),
    heads: all.flatMap((entry) => ('head' in entry ? [entry.head] : [])),
    exchanges: all.flatMap((entry) =>
      'exchange' in entry
        ? [{ record: entry.exchange, ...(entry.over && { over: entry.over }) }]
        : [],
    ),
    goneExchanges: all.flatMap((entry) => ('goneExchange' in entry ? [entry.goneExchange] : [])),
    goneConversations: all.flatMap((entry) =>
      'goneConversation' in entry ? [entry.goneConversation] : [],
    ),
  }
}

/**
 * @param {string} id
 * @param {Entry} entry
 * @returns {[string, string]}
 */
function entryText(id, entry) {
  return [`${PREFIX}${id}`, JSON.stringify(entry)]
}

/** @returns {[string, Entry][]} */
function entries() {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX))
  return keys.map((key) => [key, JSON.parse(localStorage.getItem(key) ?? 'null')])
}

/**
 * @param {string} key
 * @param {string} text
 */
function store(key, text) {
  const others = Object.keys(localStorage).filter((one) => one.startsWith(PREFIX) && one !== key)
  const taken = others.reduce((sum, one) => sum + (localStorage.getItem(one)?.length ?? 0), 0)
  // An older state of it is no help where there is a newer one.
  localStorage.removeItem(key)
  if (taken + text.length > MOST_CHARACTERS) return
  try {
    localStorage.setItem(key, text)
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'QuotaExceededError') throw error
  }
}
