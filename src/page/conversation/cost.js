/** What the question will cost, before it is asked: `/v1/tokenize` a moment after the last change. */
import { tokenize } from '../api/chat.js'
import { failureOf } from '../api/client.js'
import { purposeOf } from '../api/models.js'
import { h } from '../element.js'
import { formatCount } from '../parts/shares.js'
import { settings } from '../settings.js'
import { useStore } from '../store.js'
import { useEffect, useState } from '../vendor/hooks.js'
import { conversation, isOpen, nextExchange } from './conversation.js'
import { chosenModel, draft } from './draft.js'
import { buildRequest, sendable } from './request.js'

/** @typedef {import('../types.d.ts').Cost} CostFacts */
/** @typedef {import('../types.d.ts').Failure} Failure */

const PAUSE_MS = 350

export function Cost() {
  const { text, media } = useStore(draft)
  const chosen = useStore(settings)
  const exchanges = useStore(conversation)
  const model = chosenModel()
  const [cost, setCost] = useState(/** @type {CostFacts | Failure | undefined} */ (undefined))
  const isEmpty = text.trim() === '' && media.length === 0
  const isAsked = model !== undefined && purposeOf(model) === 'chat' && !isEmpty
  const isBusy = exchanges.some(({ answer }) => isOpen(answer))
  const { detail, clip, system, tools, toolChoice } = chosen
  useEffect(() => {
    setCost(undefined)
    if (!isAsked || isBusy) return
    const abort = new AbortController()
    const timer = setTimeout(() => {
      count(abort.signal).then(
        setCost,
        (error) => abort.signal.aborted || setCost(failureOf(error)),
      )
    }, PAUSE_MS)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [text, media, chosen.model, detail, clip, system, tools, toolChoice, isAsked, isBusy])
  if (!cost) return h('p', { class: 'cost' })
  if ('code' in cost) return h('p', { class: 'cost is-problem' }, cost.message)
  const parts = [
    [cost.text_tokens, 'text'],
    [cost.image_tokens, 'pictures'],
    [cost.video_tokens, 'clips'],
    [cost.audio_tokens, 'sound'],
  ].flatMap(([tokens, name]) => (tokens ? [`${formatCount(Number(tokens))} ${name}`] : []))
  return h(
    'p',
    { class: cost.remaining < 1 ? 'cost is-problem' : 'cost' },
    h('b', null, `${formatCount(cost.tokens)} tokens`),
    parts.length > 1 ? ` (${parts.join(', ')})` : '',
    cost.remaining < 1
      ? `, more than the model reads: ${formatCount(cost.max_context)}`
      : ` · ${formatCount(cost.remaining)} left for the answer`,
  )
}

/** @param {AbortSignal} signal */
async function count(signal) {
  const { text, media } = draft.get()
  const exchanges = [...conversation.get(), nextExchange(text, media)]
  const { body } = await buildRequest(exchanges, settings.get(), sendable(signal))
  return tokenize(body, signal)
}
