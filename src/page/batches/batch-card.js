/** One batch: state, progress, what is wrong, what can be fetched. */
import { cancelBatch, hasEnded } from '../api/batches.js'
import { failureOf } from '../api/client.js'
import { download } from '../api/files.js'
import { h } from '../element.js'
import { FailureNote } from '../parts/failure.js'
import { Icon } from '../parts/icon.js'
import { formatCount } from '../parts/shares.js'
import { useState } from '../vendor/hooks.js'
import { refresh } from './batches.js'

/** @typedef {import('../types.d.ts').Batch} Batch */
/** @typedef {import('../types.d.ts').Failure} Failure */

const STATES = /** @type {const} */ ({
  validating: 'reading the file',
  failed: 'failed',
  in_progress: 'running',
  finalizing: 'writing results',
  completed: 'done',
  expired: 'expired',
  cancelling: 'being cancelled',
  cancelled: 'cancelled',
})

const MOST_ERRORS = 5

/** @param {{ readonly batch: Batch }} props */
export function BatchCard({ batch }) {
  const { id, status, request_counts: counts, output_file_id, error_file_id, usage } = batch
  const [failure, setFailure] = useState(/** @type {Failure | undefined} */ (undefined))
  /** @param {Promise<unknown>} work */
  const attempt = (work) => {
    setFailure(undefined)
    work.catch((error) => setFailure(failureOf(error)))
  }
  const done = counts.completed + counts.failed
  return h(
    'li',
    { class: `batch is-${status}` },
    h(
      'div',
      { class: 'batch-head' },
      h('span', { class: 'state' }, STATES[status]),
      h('span', { class: 'batch-title' }, batch.model ?? batch.endpoint),
      h(
        'time',
        { dateTime: new Date(batch.created_at * 1000).toISOString() },
        timeOf(batch.created_at),
      ),
    ),
    counts.total > 0
      ? h(
          'div',
          { class: 'batch-progress' },
          h('progress', { max: counts.total, value: done, 'aria-label': 'Requests that are done' }),
          h('span', null, countsInWords(counts)),
        )
      : null,
    batch.aerie ? h('p', { class: 'aside' }, `Waiting: ${batch.aerie.waiting_for}`) : null,
    h(Errors, { batch }),
    h(
      'div',
      { class: 'batch-foot' },
      h('code', { class: 'batch-id' }, id),
      usage.total_tokens > 0 ? h('span', null, `${formatCount(usage.total_tokens)} tokens`) : null,
      h(
        'span',
        { class: 'batch-buttons' },
        output_file_id
          ? saveButton('Results', () => attempt(save(output_file_id, `${id}-results.jsonl`)))
          : null,
        error_file_id
          ? saveButton('Errors', () => attempt(save(error_file_id, `${id}-errors.jsonl`)))
          : null,
        hasEnded(batch) || status === 'cancelling'
          ? null
          : h(
              'button',
              {
                type: 'button',
                class: 'button quiet',
                onClick: () => attempt(cancelBatch(id).then(refresh)),
              },
              'Cancel',
            ),
      ),
    ),
    failure ? h(FailureNote, { failure }) : null,
  )
}

/** @param {Batch['request_counts']} counts */
function countsInWords({ total, completed, failed }) {
  const done = `${formatCount(completed + failed)} of ${formatCount(total)}`
  return failed > 0 ? `${done}, ${formatCount(failed)} failed` : done
}

/** @param {number} seconds Unix */
function timeOf(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, {
    dateStyle: 'medium',
    timeStyle: 'short',
  })
}

/** @param {{ readonly batch: Batch }} props */
function Errors({ batch }) {
  const errors = batch.errors?.data ?? []
  if (errors.length === 0) return null
  return h(
    'ul',
    { class: 'batch-errors' },
    errors
      .slice(0, MOST_ERRORS)
      .map(({ line, message, code }, i) =>
        h(
          'li',
          { key: i },
          line === null ? '' : `Line ${line}: `,
          message,
          ' ',
          h('code', null, code),
        ),
      ),
    errors.length > MOST_ERRORS
      ? h('li', { key: 'more' }, `and ${errors.length - MOST_ERRORS} more`)
      : null,
  )
}

/**
 * @param {string} label
 * @param {() => void} onClick
 */
function saveButton(label, onClick) {
  return h(
    'button',
    { type: 'button', class: 'button quiet', onClick },
    h(Icon, { name: 'download' }),
    label,
  )
}

/**
 * Links cannot send a key, so the bytes are fetched first.
 * @param {string} fileId
 * @param {string} name
 */
async function save(fileId, name) {
  const url = URL.createObjectURL(await download(fileId))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has begun by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
