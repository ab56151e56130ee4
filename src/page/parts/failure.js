/** What went wrong, in plain words, with what a server's keeper will ask for: code, field, request id. */
import { h } from '../element.js'
import { useEffect, useState } from '../vendor/hooks.js'

/** @typedef {import('../types.d.ts').Failure} FailureFacts */

/** @type {Readonly<Partial<Record<string, string>>>} */
const PLAIN = {
  unreachable: 'The server cannot be reached. Is it still running?',
  cut_off: 'The connection broke before the answer was complete.',
  invalid_api_key: 'The server wants an API key.',
  rate_limit_exceeded: 'That is more than this key may ask for now.',
  model_unavailable: 'The model could not be loaded.',
  queue_full: 'The server is busy.',
  deadline_exceeded: 'The answer took longer than the server allows.',
  shutting_down: 'The server is shutting down.',
  not_ready: 'The model is still loading.',
  context_length_exceeded: 'This is more than the model can read at once.',
  media_too_large: 'A file is larger than the server takes.',
  invalid_media: 'A file cannot be decoded.',
  unsupported_media: 'The server does not take this kind of file.',
  unsupported_parameter: 'The model does not do this.',
  request_too_large: 'The request is larger than the server takes.',
  model_not_found: 'The server no longer has this model.',
  not_found: 'The server does not have this, or not any more.',
  insufficient_storage: 'The server has no room left.',
  internal_error: 'The server made a mistake.',
  backend_failure: 'The model failed.',
}

/**
 * @param {{ readonly failure: FailureFacts, readonly onRetry?: (() => void) | undefined }} props
 */
export function FailureNote({ failure, onRetry }) {
  const { code, message, param, requestId, status = 0 } = failure
  // A proxy has no code of ours.
  const unknown = [502, 503, 504].includes(status)
    ? 'The server behind this address does not answer.'
    : 'This did not work.'
  const plain = PLAIN[code] ?? unknown
  return h(
    'div',
    { class: 'failure' },
    h(
      'div',
      { role: 'alert' },
      h('p', { class: 'failure-plain' }, plain),
      message && message !== plain ? h('p', { class: 'failure-message' }, message) : null,
    ),
    h(
      'dl',
      { class: 'facts' },
      fact('Code', code),
      param === undefined ? null : fact('Field', param),
      requestId === undefined ? null : fact('Request', requestId),
    ),
    onRetry ? h(RetryButton, { retryAt: failure.retryAt, onRetry }) : null,
  )
}

/**
 * Counts down to when the server wants to be asked again.
 * @param {{ readonly retryAt: number | undefined, readonly onRetry: () => void }} props
 */
function RetryButton({ retryAt = 0, onRetry }) {
  const [now, setNow] = useState(() => Date.now())
  const seconds = Math.ceil((retryAt - now) / 1000)
  const isEarly = seconds > 0
  useEffect(() => {
    if (!isEarly) return
    const timer = setInterval(() => setNow(Date.now()), 250)
    return () => clearInterval(timer)
  }, [isEarly])
  return h(
    'button',
    { type: 'button', class: 'button', disabled: isEarly, onClick: onRetry },
    isEarly ? `Try again in ${seconds} s` : 'Try again',
  )
}

/**
 * @param {string} name
 * @param {string} value
 */
function fact(name, value) {
  return h('div', { key: name }, h('dt', null, name), h('dd', null, h('code', null, value)))
}
