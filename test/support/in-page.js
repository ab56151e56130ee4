/** What tests do inside the page: each function is sent to the browser, and so stands alone. Checked with the page's own types. */

/**
 * @param {readonly { readonly name: string, readonly type: string, readonly base64: string }[]} files
 * @returns {DataTransfer} as of a drop or a paste
 */
export function transferOf(files) {
  const transfer = new DataTransfer()
  for (const { name, type, base64 } of files) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
    transfer.items.add(new File([bytes], name, { type }))
  }
  return transfer
}

/** @param {DataTransfer} clipboardData */
export function pasteFiles(clipboardData) {
  dispatchEvent(new ClipboardEvent('paste', { clipboardData }))
}

/**
 * Pastes into the field that has the focus, as from a table: words, HTML and a picture of both.
 * @param {DataTransfer} clipboardData with the picture
 * @returns {boolean} whether it is left to the browser, which takes the words
 */
export function pasteCells(clipboardData) {
  clipboardData.setData('text/plain', 'a\tb')
  clipboardData.setData('text/html', '<table><tr><td>a<td>b</table>')
  const options = { clipboardData, bubbles: true, cancelable: true }
  return /** @type {Element} */ (document.activeElement).dispatchEvent(
    new ClipboardEvent('paste', options),
  )
}

/**
 * Whether the page keeps the browser from leaving it for files that are dropped here.
 * @param {{ readonly selector: string, readonly dataTransfer: DataTransfer }} drop
 */
export function isDropKept({ selector, dataTransfer }) {
  const options = { dataTransfer, bubbles: true, cancelable: true }
  const place = /** @type {Element} */ (document.querySelector(selector))
  return !place.dispatchEvent(new DragEvent('dragover', options))
}

/** A browser that gives the clipboard to nobody. */
export function forbidCopying() {
  Clipboard.prototype.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'))
  document.execCommand = () => false
}

/** @param {DataTransfer} dataTransfer */
export function dropFiles(dataTransfer) {
  for (const type of ['dragenter', 'dragover', 'drop']) {
    document.body.dispatchEvent(
      new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }),
    )
  }
}

/** Collects the words of the last answer as they change, in `words` of the window. */
export function watchWords() {
  /** @type {string[]} */
  const words = []
  Reflect.set(globalThis, 'words', words)
  new MutationObserver(() => {
    const text = [...document.querySelectorAll('.answer .prose')].at(-1)?.textContent ?? ''
    if (text !== '' && text !== words.at(-1)) words.push(text)
  }).observe(document.body, { subtree: true, childList: true, characterData: true })
}

/** @returns {readonly string[]} */
export function watchedWords() {
  return Reflect.get(globalThis, 'words')
}

/** @returns {Promise<string>} */
export function clipboardText() {
  return navigator.clipboard.readText()
}

/**
 * Rule and elements of each violation; axe-core is there already.
 * @param {readonly string[]} [more] rules beyond those that it has switched on
 * @returns {Promise<string[]>}
 */
export async function runAxe(more = []) {
  /** @type {{ run(options: object): Promise<{ violations: { id: string, nodes: { html: string, failureSummary: string }[] }[] }> }} */
  const axe = Reflect.get(globalThis, 'axe')
  const { violations } = await axe.run({
    rules: Object.fromEntries(more.map((rule) => [rule, { enabled: true }])),
  })
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
  )
}

/** By how many pixels the page, or a part of it that scrolls downwards alone, is wider than there is room for. */
export function overflow() {
  const parts = document.querySelectorAll('html, .scroller, .batches, dialog[open]')
  return Math.max(...[...parts].map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth))
}

/** By how many pixels the page itself is higher than the window. */
export function pageExcess() {
  return document.documentElement.scrollHeight - innerHeight
}

/** What has the focus: its role or element, and its name. */
export function focused() {
  const element = document.activeElement
  const name = element?.getAttribute('aria-label') ?? element?.textContent ?? ''
  return `${element?.tagName.toLowerCase()} ${name.trim()}`
}

/** Milliseconds to the first contentful paint. @returns {number | undefined} */
export function firstPaint() {
  return performance.getEntriesByName('first-contentful-paint')[0]?.startTime
}

/** @param {string} selector */
export function backgroundOf(selector) {
  return getComputedStyle(/** @type {Element} */ (document.querySelector(selector))).backgroundColor
}

/** @param {Element} element */
export function directionOf(element) {
  return getComputedStyle(element).direction
}

/** What the server answers a script of the page. @param {string} path @returns {Promise<number>} */
export async function statusOf(path) {
  return (await fetch(path)).status
}

/** Tries what the policy forbids; whether each was let through. */
export async function tryForbidden() {
  /** @param {() => void} attempt */
  const passes = (attempt) => {
    try {
      attempt()
      return true
    } catch {
      return false
    }
  }
  const inline = (/** @type {string} */ kind, /** @type {string} */ text) => {
    const element = document.createElement(kind)
    element.append(text)
    document.head.append(element)
  }
  passes(() => inline('script', 'globalThis.inline = true'))
  passes(() => inline('style', 'body { --inline: yes }'))
  return {
    script: Reflect.get(globalThis, 'inline') === true,
    style: getComputedStyle(document.body).getPropertyValue('--inline') !== '',
    elsewhere: await fetch('http://127.0.0.1:9/').then(
      () => true,
      () => false,
    ),
    html: passes(() => {
      document.createElement('div').innerHTML = '<b>x</b>'
    }),
  }
}

/** Red or blue, by what is most in the middle of each picture. @param {readonly Element[]} images */
export function middlesOf(images) {
  return images.map((image) => {
    const canvas = document.createElement('canvas')
    canvas.width = 1
    canvas.height = 1
    const picture = /** @type {HTMLImageElement} */ (image)
    const [x, y] = [picture.naturalWidth / 2, picture.naturalHeight / 2]
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'))
    context.drawImage(picture, x, y, 1, 1, 0, 0, 1, 1)
    const [red = 0, , blue = 0] = context.getImageData(0, 0, 1, 1).data
    return red > blue ? 'red' : 'blue'
  })
}

/**
 * Holds back whatever is written to IndexedDB, as a slow disk does, until `release` of the window is called; resolves when it does.
 * It reads in a transaction that could write, again and again: others that could have to wait for it.
 */
export async function holdWrites() {
  /** @type {IDBDatabase} */
  const database = await new Promise((resolve, reject) => {
    const request = indexedDB.open('aerie')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
  const names = [...database.objectStoreNames]
  const store = database.transaction(names, 'readwrite').objectStore('heads')
  let isHeld = true
  Reflect.set(globalThis, 'release', () => {
    isHeld = false
  })
  await new Promise((resolve) => {
    const again = () => {
      resolve(undefined)
      if (isHeld) store.count().onsuccess = again
      else database.close()
    }
    store.count().onsuccess = again
  })
}

/** Keys of what the page has yet to write. */
export function unwrittenKeys() {
  return Object.keys(localStorage).filter((key) => key.startsWith('aerie.unwritten.'))
}

/** Collects the milliseconds of tasks that kept everything else waiting for 50 ms or more. */
export function watchLongTasks() {
  /** @type {number[]} */
  const tasks = []
  Reflect.set(globalThis, 'longTasks', tasks)
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) tasks.push(duration)
  }).observe({ entryTypes: ['longtask'] })
}

/** @returns {readonly number[]} */
export function longTasks() {
  return Reflect.get(globalThis, 'longTasks')
}

/**
 * Keeps the main thread from everything else until that path is answered; not in the middle of a write, as what is begun then
 * keeps other tabs waiting too.
 * @param {string} path
 */
export async function beBusy(path) {
  const isWriting = () =>
    Object.keys(localStorage).some((key) => key.startsWith('aerie.unwritten.'))
  while (isWriting()) await new Promise((resolve) => setTimeout(resolve, 5))
  const request = new XMLHttpRequest()
  request.open('GET', path, false)
  request.send()
}

/** Words that are cut off with no way to see them. @returns {string[]} */
export function cutOff() {
  return [...document.querySelectorAll('body *')].flatMap((element) => {
    const { overflowX, textOverflow, clipPath } = getComputedStyle(element)
    // What is for screen readers alone, and what says that there is more of it.
    const isMeant = clipPath !== 'none' || textOverflow === 'ellipsis'
    const isCut =
      ['hidden', 'clip'].includes(overflowX) && element.scrollWidth > element.clientWidth + 1
    return isCut && !isMeant ? [`${element.className}: ${element.textContent}`] : []
  })
}

/** How much of the window's height is left for an element, between what lies over it. @param {Element} element */
export function visibleHeight(element) {
  const { left, top, bottom, width } = element.getBoundingClientRect()
  let visible = 0
  for (let y = Math.max(0, Math.ceil(top)); y < Math.min(innerHeight, bottom); y++) {
    const shown = document.elementFromPoint(left + width / 2, y)
    if (shown && element.contains(shown)) visible++
  }
  return visible
}

/** How many things are moving. */
export function motions() {
  return document.getAnimations().filter(({ playState }) => playState === 'running').length
}

/** Colours of backgrounds of all elements that a selector names. @param {string} selector */
export function backgroundsOf(selector) {
  return [...document.querySelectorAll(selector)].map(
    (element) => getComputedStyle(element).backgroundColor,
  )
}

/** @param {Element} element */
export function outlineOf(element) {
  return getComputedStyle(element).outlineStyle
}
