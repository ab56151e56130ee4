/** The conversation on the page: turns, and the composer below. */
import { announce } from '../announce.js'
import { models } from '../api/models.js'
import { CodeDialog } from '../code/code-dialog.js'
import { h } from '../element.js'
import { settings } from '../settings.js'
import { useStore } from '../store.js'
import { useEffect, useLayoutEffect, useRef, useState } from '../vendor/hooks.js'
import { Composer } from './composer.js'
import { conversation, stop, unfinished } from './conversation.js'
import { chosenModel } from './draft.js'
import { Welcome } from './examples.js'
import { ExchangeView } from './exchange-view.js'

/** Whoever is this near the end wants to go on reading there. */
const NEAR_PX = 120

/** Above the question. */
const MARGIN_PX = 16

export function ChatView() {
  useStore(models)
  useStore(settings)
  const exchanges = useStore(conversation)
  const [codeFor, setCodeFor] = useState(/** @type {string | undefined} */ (undefined))
  const scroller = useRef(/** @type {HTMLDivElement | null} */ (null))
  useFollow(scroller, exchanges)
  useAnnouncements(exchanges)
  useEffect(() => {
    const stopAtEscape = (/** @type {KeyboardEvent} */ event) => {
      const running = unfinished()
      if (event.isComposing) return
      if (event.key === 'Escape' && running && !document.querySelector('dialog[open]'))
        stop(running.id)
    }
    addEventListener('keydown', stopAtEscape)
    return () => removeEventListener('keydown', stopAtEscape)
  }, [])
  const upTo = exchanges.findIndex(({ id }) => id === codeFor)
  return h(
    'main',
    { class: 'chat' },
    h(
      'div',
      { class: 'scroller', ref: scroller },
      exchanges.length === 0
        ? h(Welcome, { model: chosenModel() })
        : [
            h('h1', { key: 'title', class: 'hidden' }, 'Conversation'),
            h(
              'ol',
              { key: 'turns', class: 'exchanges' },
              exchanges.map((exchange, i) =>
                h(ExchangeView, {
                  key: exchange.id,
                  exchange,
                  number: i + 1,
                  isLast: i === exchanges.length - 1,
                  onCode: setCodeFor,
                }),
              ),
            ),
          ],
    ),
    h(Composer, {}),
    upTo < 0
      ? null
      : h(CodeDialog, {
          exchanges: exchanges.slice(0, upTo + 1),
          onClose: () => setCodeFor(undefined),
        }),
  )
}

/**
 * Follows an answer as it is written, for whoever reads at the end. When it is done, what the model saw comes below it: as much of
 * that is shown as leaves the question in view.
 * @param {{ current: HTMLDivElement | null }} scroller
 * @param {readonly import('../types.d.ts').Exchange[]} exchanges
 */
function useFollow(scroller, exchanges) {
  const isNear = useRef(true)
  const before = useRef(exchanges.length)
  useEffect(() => {
    const element = scroller.current
    if (!element) return
    const look = () => {
      const { scrollHeight, scrollTop, clientHeight } = scrolled(element)
      isNear.current = scrollHeight - scrollTop - clientHeight < NEAR_PX
    }
    // Those of parts do not bubble.
    const options = { passive: true, capture: true }
    document.addEventListener('scroll', look, options)
    return () => document.removeEventListener('scroll', look, options)
  }, [])
  useLayoutEffect(() => {
    const last = scroller.current?.querySelector('.exchange:last-child')
    if (!scroller.current || !last) return
    const element = scrolled(scroller.current)
    const isNew = exchanges.length > before.current
    before.current = exchanges.length
    if (!isNear.current && !isNew) return
    const isOpen = !exchanges.at(-1)?.answer?.seen
    const frame = element === scroller.current ? element.getBoundingClientRect().top : 0
    const top = element.scrollTop + last.getBoundingClientRect().top - frame
    element.scrollTop = isOpen
      ? element.scrollHeight
      : Math.max(element.scrollTop, Math.min(element.scrollHeight, top - MARGIN_PX))
  }, [exchanges])
}

/** What scrolls: in a low window the page as a whole. @param {Element} scroller */
function scrolled(scroller) {
  return getComputedStyle(scroller).overflowY === 'auto' ? scroller : document.documentElement
}

/** @param {readonly import('../types.d.ts').Exchange[]} exchanges */
function useAnnouncements(exchanges) {
  const last = exchanges.at(-1)
  const state = last?.answer?.state
  const before = useRef({ id: last?.id, state })
  useEffect(() => {
    // What another conversation that is opened had to say is no news.
    const isSame = before.current.id === last?.id
    const isChange = before.current.state !== state || !isSame
    before.current = { id: last?.id, state }
    if (!isChange || !last?.answer) return
    if (state === 'waiting') announce('Asking')
    else if (isSame && state === 'done') announce(`Answer: ${wordsOf(last.answer)}`)
    else if (isSame && state === 'stopped') announce('Stopped')
  }, [last?.id, state])
}

/** @param {import('../types.d.ts').Answer} answer */
function wordsOf({ text, calls = [] }) {
  return [text, ...calls.map(({ name }) => `calls ${name}`)].filter(Boolean).join(', ')
}
