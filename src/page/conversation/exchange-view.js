/** A question with its answer, and what can be done with both. */
import { announce } from '../announce.js'
import { h } from '../element.js'
import { Attachment } from '../parts/attachment.js'
import { CopyButton } from '../parts/copy-button.js'
import { IconButton } from '../parts/icon.js'
import { memo } from '../parts/memo.js'
import { SeenPanel } from '../seen/seen-panel.js'
import { useLayoutEffect, useRef, useState } from '../vendor/hooks.js'
import { AnswerView, figuresOf } from './answer-view.js'
import { conversation, isOpen, remove, retry } from './conversation.js'
import { isSending } from './keys.js'
import { Results, ResultsForm } from './tool-calls.js'

/** @typedef {import('../types.d.ts').Exchange} Exchange */

/** Drawn again when it changes itself: not with each word of an answer below it. */
export const ExchangeView = memo(Turn)

/**
 * @param {{ readonly exchange: Exchange, readonly number: number, readonly isLast: boolean, readonly onCode: (exchange: string) => void }} props
 */
function Turn({ exchange, number, isLast, onCode }) {
  const { id, text, answer } = exchange
  const [isEdited, setEdited] = useState(false)
  // What the model saw of the last question is shown until someone closes it; of earlier ones, when someone opens it.
  const [chosen, setChosen] = useState(/** @type {boolean | undefined} */ (undefined))
  const isSeen = chosen ?? isLast
  const isDone = answer && !isOpen(answer)
  const article = useRef(/** @type {HTMLElement | null} */ (null))
  const wasEdited = useRef(false)
  useLayoutEffect(() => {
    // The focus goes back to where it came from.
    if (wasEdited.current && !isEdited)
      /** @type {HTMLElement | null | undefined} */ (
        article.current?.querySelector('.edit-button')
      )?.focus()
    wasEdited.current = isEdited
  }, [isEdited])
  return h(
    'li',
    { class: 'exchange' },
    h(
      'article',
      { 'aria-label': `Turn ${number}`, ref: article },
      h('h2', { class: 'hidden' }, `Turn ${number}`),
      h(
        'div',
        { class: 'question' },
        exchange.media.length > 0
          ? h(
              'ul',
              { class: 'attachments', 'aria-label': 'Files' },
              exchange.media.map((attachment) => h(Attachment, { key: attachment.id, attachment })),
            )
          : null,
        exchange.lost
          ? h(
              'p',
              { class: 'aside' },
              `${exchange.lost.join(', ')}: no longer kept in this browser, and no part of what is asked now.`,
            )
          : null,
        isEdited
          ? h(EditForm, {
              text,
              isAlone: exchange.media.length === 0,
              onCancel: () => setEdited(false),
              onSave: (changed) => {
                setEdited(false)
                retry(id, changed)
              },
            })
          : h(
              'div',
              { class: 'said' },
              h(
                'div',
                { class: 'actions' },
                exchange.results
                  ? null
                  : h(IconButton, {
                      icon: 'edit',
                      label: 'Edit and ask again',
                      kind: 'edit-button',
                      onClick: () => setEdited(true),
                    }),
                h(IconButton, {
                  icon: 'trash',
                  label: 'Delete this turn',
                  onClick: ({ detail }) => {
                    remove(id)
                    announce('The turn is deleted')
                    // Whoever did it by the keyboard has lost their place.
                    if (detail === 0) document.getElementById('question')?.focus()
                  },
                }),
              ),
              exchange.results ? h(Results, { results: exchange.results }) : null,
              text === '' ? null : h('p', { class: 'bubble', dir: 'auto' }, text),
            ),
      ),
      answer
        ? h(
            'div',
            { class: 'answer' },
            h(AnswerView, { answer, onRetry: () => retry(id) }),
            isDone
              ? h(
                  'div',
                  { class: 'answer-foot' },
                  h(
                    'ul',
                    { class: 'answer-figures' },
                    figuresOf(answer).map((figure, i) => h('li', { key: i }, figure)),
                  ),
                  h(
                    'div',
                    { class: 'actions' },
                    answer.seen
                      ? h(
                          'button',
                          {
                            type: 'button',
                            class: 'text-button',
                            'aria-expanded': isSeen,
                            onClick: () => setChosen(!isSeen),
                          },
                          'What the model saw',
                        )
                      : null,
                    answer.text === ''
                      ? null
                      : h(CopyButton, { label: 'Copy the answer', text: () => answer.text }),
                    h(IconButton, {
                      icon: 'code',
                      label: 'Copy the request as code',
                      onClick: () => onCode(id),
                    }),
                    h(IconButton, { icon: 'retry', label: 'Ask again', onClick: () => retry(id) }),
                  ),
                )
              : null,
            isLast && answer.state === 'done' && answer.calls
              ? h(ResultsForm, { calls: answer.calls })
              : null,
            isDone && isSeen ? h(SeenPanel, { answer, media: allMedia() }) : null,
          )
        : null,
    ),
  )
}

/** A question may be about files of those before it. */
function allMedia() {
  const all = conversation.get().flatMap(({ media }) => media)
  return new Map(all.map((attachment) => [attachment.id, attachment]))
}

/**
 * @param {{ readonly text: string, readonly isAlone: boolean, readonly onSave: (text: string) => void, readonly onCancel: () => void }} props
 */
function EditForm({ text, isAlone, onSave, onCancel }) {
  const [changed, setChanged] = useState(text)
  // Without files, a question is its words.
  const isEmpty = isAlone && changed.trim() === ''
  const submit = () => {
    if (!isEmpty) onSave(changed.trim())
  }
  const isFocused = useRef(false)
  return h(
    'form',
    {
      class: 'edit',
      onSubmit: (event) => {
        event.preventDefault()
        submit()
      },
      onKeyDown: (event) => {
        // While a word is being composed, the key is the input method's.
        if (event.key !== 'Escape' || event.isComposing) return
        event.stopPropagation()
        onCancel()
      },
    },
    h('textarea', {
      'aria-label': 'The question',
      rows: 2,
      value: changed,
      dir: 'auto',
      ref: (area) => {
        if (area && !isFocused.current) area.focus()
        isFocused.current = true
      },
      onInput: (event) => setChanged(event.currentTarget.value),
      onKeyDown: (event) => {
        if (!isSending(event)) return
        event.preventDefault()
        submit()
      },
    }),
    h(
      'div',
      { class: 'edit-buttons' },
      h('button', { type: 'button', class: 'button quiet', onClick: onCancel }, 'Cancel'),
      h('button', { type: 'submit', class: 'button', disabled: isEmpty }, 'Ask again'),
    ),
  )
}
