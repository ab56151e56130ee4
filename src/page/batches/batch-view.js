/** Batches: started from a file, watched, cancelled, their results fetched. */
import { failureOf } from '../api/client.js'
import { purposeOf } from '../api/models.js'
import { chosenModel } from '../conversation/draft.js'
import { classes, h } from '../element.js'
import { FailureNote } from '../parts/failure.js'
import { settings } from '../settings.js'
import { useStore } from '../store.js'
import { useEffect, useRef, useState } from '../vendor/hooks.js'
import { BatchCard } from './batch-card.js'
import { batches, readMore, refresh, startBatch, watchBatches } from './batches.js'
import { exampleLines } from './example.js'

/** @typedef {import('../types.d.ts').Failure} Failure */

export function BatchView() {
  const { list, hasMore, isRead, failure } = useStore(batches)
  useStore(settings)
  const [isStarting, setStarting] = useState(false)
  const [isOver, setOver] = useState(false)
  const [sent, setSent] = useState(0)
  const [refused, setRefused] = useState(/** @type {Failure | undefined} */ (undefined))
  useEffect(watchBatches, [])
  const model = chosenModel()
  /** @param {() => Promise<File | undefined>} lines */
  const start = async (lines) => {
    setStarting(true)
    setSent(0)
    setRefused(undefined)
    try {
      const file = await lines()
      if (file) await startBatch(file, setSent)
    } catch (error) {
      setRefused(failureOf(error))
    } finally {
      setStarting(false)
    }
  }
  return h(
    'main',
    {
      class: 'batches',
      onDragOver: (event) => {
        if (!event.dataTransfer?.types.includes('Files')) return
        event.preventDefault()
        event.dataTransfer.dropEffect = isStarting ? 'none' : 'copy'
        setOver(!isStarting)
      },
      onDragLeave: ({ currentTarget, relatedTarget }) => {
        if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget)))
          setOver(false)
      },
      onDrop: (event) => {
        event.preventDefault()
        setOver(false)
        const file = event.dataTransfer?.files[0]
        if (file && !isStarting) void start(async () => file)
      },
    },
    h(
      'div',
      { class: 'batches-column' },
      h('h1', null, 'Batches'),
      h(
        'p',
        { class: 'lead' },
        'Thousands of requests from one file, answered behind everything live: a .jsonl file with one request a line.',
      ),
      h(LinesDrop, { isStarting, isOver, sent, onFile: (file) => void start(async () => file) }),
      model && purposeOf(model) === 'chat'
        ? h(
            'p',
            { class: 'note' },
            'No file at hand? ',
            h(
              'button',
              {
                type: 'button',
                class: 'text-button',
                disabled: isStarting,
                onClick: () => void start(() => exampleLines(model.id)),
              },
              'Run six example questions',
            ),
          )
        : null,
      refused ? h(FailureNote, { failure: refused }) : null,
      failure ? h(FailureNote, { failure, onRetry: () => void refresh() }) : null,
      list.length > 0
        ? h(
            'ul',
            { class: 'batch-list' },
            list.map((batch) => h(BatchCard, { key: batch.id, batch })),
          )
        : isRead && !failure
          ? h('p', { class: 'aside' }, 'No batches yet.')
          : null,
      hasMore
        ? h(
            'button',
            { type: 'button', class: 'button quiet', onClick: () => void readMore() },
            'Older ones',
          )
        : null,
    ),
  )
}

/** @param {{ readonly isStarting: boolean, readonly isOver: boolean, readonly sent: number, readonly onFile: (file: File | undefined) => void }} props */
function LinesDrop({ isStarting, isOver, sent, onFile }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null))
  return h(
    'div',
    { class: classes('lines-drop', isOver && 'is-over') },
    h('input', {
      ref: input,
      type: 'file',
      class: 'hidden',
      tabIndex: -1,
      'aria-hidden': true,
      accept: '.jsonl,application/jsonl',
      onChange: (event) => {
        onFile(event.currentTarget.files?.[0])
        event.currentTarget.value = ''
      },
    }),
    h(
      'button',
      {
        type: 'button',
        class: 'button',
        disabled: isStarting,
        onClick: () => input.current?.click(),
      },
      isStarting ? `Uploading… ${Math.floor(100 * sent)} %` : 'Choose a .jsonl file',
    ),
    h('span', { class: 'note' }, 'or drop it here'),
  )
}
