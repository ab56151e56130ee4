/** An answer: its words as they come, what became of it, and what the model saw. */
import { loadingInWords, loadModels, models } from '../api/models.js'
import { h } from '../element.js'
import { FailureNote } from '../parts/failure.js'
import { CodeBlock, Markdown } from '../parts/markdown.js'
import { formatCount, formatMs, formatSeconds } from '../parts/shares.js'
import { useStore } from '../store.js'
import { useEffect, useState } from '../vendor/hooks.js'
import { Calls, indented } from './tool-calls.js'

/** @typedef {import('../types.d.ts').Answer} Answer */

/** What a request goes through, as far as the page can tell from outside. */
const STEPS = /** @type {const} */ ([
  ['waiting', 'Sending, looking at media'],
  ['reading', 'Reading the prompt'],
  ['writing', 'Writing'],
])

/** @param {{ readonly answer: Answer, readonly onRetry: () => void }} props */
export function AnswerView({ answer, onRetry }) {
  const { state, text, isJson, calls = [], failure, transcript, likeness, finish } = answer
  const isOpen = state === 'waiting' || state === 'reading' || state === 'writing'
  return h(
    'div',
    { class: `answer-body is-${state}`, 'aria-busy': isOpen },
    text === ''
      ? null
      : isJson
        ? h('div', { class: 'prose' }, h(CodeBlock, { code: indented(text), language: 'json' }))
        : h(Markdown, { text }),
    calls.length > 0 ? h(Calls, { calls }) : null,
    transcript ? h(Segments, { transcript }) : null,
    likeness ? h(LikenessTable, { likeness }) : null,
    isOpen ? h(Progress, { state, model: answer.model }) : null,
    state === 'done' && text === '' && calls.length === 0 && !transcript && !likeness
      ? h('p', { class: 'aside' }, 'The model said nothing.')
      : null,
    state === 'stopped' ? h('p', { class: 'aside' }, 'Stopped.') : null,
    finish === 'length'
      ? h('p', { class: 'aside' }, 'Cut off: it reached the most tokens that it may have.')
      : null,
    failure ? h(FailureNote, { failure, onRetry }) : null,
  )
}

/** How often a model that is being loaded is looked after. */
const LOADING_MS = 1000

/** @param {{ readonly state: Answer['state'], readonly model: string }} props */
function Progress({ state, model }) {
  const [started] = useState(() => performance.now())
  const [now, setNow] = useState(started)
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 100)
    return () => clearInterval(timer)
  }, [])
  const asked = useStore(models).find(({ id }) => id === model)
  const loading = state === 'waiting' && asked ? loadingInWords(asked) : ''
  const isLoading = loading !== ''
  useEffect(() => {
    if (!isLoading) return
    // The answer itself says why, where there is a failure.
    const look = () => void loadModels().catch(() => undefined)
    const timer = setInterval(look, LOADING_MS)
    return () => {
      clearInterval(timer)
      look()
    }
  }, [isLoading])
  const at = STEPS.findIndex(([name]) => name === state)
  return h(
    'div',
    { class: 'progress' },
    h(
      'ol',
      null,
      STEPS.map(([name, label], i) =>
        h(
          'li',
          { key: name, class: i < at ? 'is-past' : i === at ? 'is-now' : '' },
          h('span', null, label),
        ),
      ),
    ),
    isLoading ? h('span', null, loading) : null,
    h('span', { class: 'elapsed' }, `${((now - started) / 1000).toFixed(1)} s`),
  )
}

/** One line of figures. @param {Answer} answer */
export function figuresOf({ model, usage, firstTextMs, totalMs, transcript }) {
  return [
    model,
    usage && `${formatCount(usage.prompt_tokens)} + ${formatCount(usage.completion_tokens)} tokens`,
    firstTextMs !== undefined && `first word ${formatMs(firstTextMs)}`,
    totalMs !== undefined && `${formatMs(totalMs)} in all`,
    transcript && `${formatSeconds(transcript.duration)} of ${transcript.language}`,
  ].filter(Boolean)
}

/** @param {{ readonly transcript: import('../types.d.ts').Transcript }} props */
function Segments({ transcript }) {
  const { segments = [] } = transcript
  return h(
    'table',
    { class: 'segments' },
    h('caption', { class: 'hidden' }, 'Segments'),
    h('thead', { class: 'hidden' }, h('tr', null, h('th', null, 'Time'), h('th', null, 'Words'))),
    h(
      'tbody',
      null,
      segments.map(({ id, start, end, text }) =>
        h(
          'tr',
          { key: id },
          h('td', null, `${formatSeconds(start)} – ${formatSeconds(end)}`),
          h('td', null, text.trim()),
        ),
      ),
    ),
  )
}

/** @param {{ readonly likeness: import('../types.d.ts').Likeness }} props */
function LikenessTable({ likeness }) {
  const { names, cosines, channels, patches } = likeness
  return h(
    'div',
    { class: 'likeness', tabIndex: 0, role: 'group', 'aria-label': 'Likeness' },
    h(
      'table',
      null,
      h('caption', null, `Cosine of each pair of vectors, ${formatCount(channels)} numbers each`),
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          h('td', null),
          names.map((name, i) => h('th', { key: i, scope: 'col' }, name)),
        ),
      ),
      h(
        'tbody',
        null,
        cosines.map((row, i) =>
          h(
            'tr',
            { key: i },
            h(
              'th',
              { scope: 'row' },
              names[i],
              patches[i] ? h('small', null, ` ${patches[i]} patches`) : null,
            ),
            row.map((value, j) =>
              h('td', { key: j, class: i === j ? 'same' : '' }, value.toFixed(3)),
            ),
          ),
        ),
      ),
    ),
  )
}
