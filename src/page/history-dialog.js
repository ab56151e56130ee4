/** The conversations that this browser keeps: opened, named, deleted, begun. */
import { announce } from './announce.js'
import { current } from './conversation/conversation.js'
import { classes, h } from './element.js'
import {
  deleteConversations,
  heads,
  keepingProblem,
  newConversation,
  openConversation,
  renameConversation,
} from './keep/keeper.js'
import { Dialog } from './parts/dialog.js'
import { Icon, IconButton } from './parts/icon.js'
import { useStore } from './store.js'
import { useLayoutEffect, useRef, useState } from './vendor/hooks.js'

/** @typedef {import('./types.d.ts').ConversationHead} ConversationHead */

/** @param {{ readonly onClose: () => void }} props */
export function HistoryDialog({ onClose }) {
  const all = useStore(heads)
  const problem = useStore(keepingProblem)
  return h(Dialog, {
    title: 'Conversations',
    kind: 'drawer left',
    onClose,
    children: [
      h(
        'button',
        {
          key: 'new',
          type: 'button',
          class: 'button quiet history-new',
          onClick: () => {
            newConversation()
            onClose()
            announce('A new conversation')
          },
        },
        h(Icon, { name: 'add' }),
        'New conversation',
      ),
      all.length > 0
        ? h(
            'ul',
            { key: 'list', class: 'history' },
            all.map((head) => h(Row, { key: head.id, head, onClose })),
          )
        : h('p', { key: 'none', class: 'aside' }, 'None yet.'),
      h(
        'p',
        { key: 'note', class: 'note' },
        problem === ''
          ? 'Kept in this browser alone, the newest 200 with at most 256 MB of files.'
          : problem,
      ),
      all.length > 1 ? h(DeleteAll, { key: 'all', all }) : null,
    ],
  })
}

/** @param {{ readonly head: ConversationHead, readonly onClose: () => void }} props */
function Row({ head, onClose }) {
  const { id, title, used } = head
  const [mode, setMode] = useState(/** @type {'shown' | 'renamed' | 'deleted'} */ ('shown'))
  const isCurrent = useStore(current) === id
  const row = useRef(/** @type {HTMLLIElement | null} */ (null))
  const before = useRef(mode)
  useLayoutEffect(() => {
    // The focus goes back to the button that it came from.
    if (mode === 'shown' && before.current !== 'shown')
      focusIn(row.current, before.current === 'renamed' ? '.history-edit' : '.history-drop')
    before.current = mode
  }, [mode])
  const back = () => setMode('shown')
  if (mode === 'renamed') return h('li', null, h(Rename, { head, onDone: back }))
  if (mode === 'deleted') {
    const words = `Delete “${title}”?`
    return h('li', null, h(Confirm, { words, onCancel: back, onDelete: () => drop([id]) }))
  }
  return h(
    'li',
    { ref: row, class: classes('history-row', isCurrent && 'is-current') },
    h(
      'button',
      {
        type: 'button',
        class: 'history-open',
        ...(isCurrent && { 'aria-current': 'true' }),
        onClick: () => {
          onClose()
          if (!isCurrent) void openConversation(id).then(() => announce(`Conversation: ${title}`))
        },
      },
      h('span', { class: 'history-title', dir: 'auto' }, title),
      h('small', null, dayOf(used)),
    ),
    h(IconButton, {
      icon: 'edit',
      label: `Rename ${title}`,
      kind: 'history-edit',
      onClick: () => setMode('renamed'),
    }),
    h(IconButton, {
      icon: 'trash',
      label: `Delete ${title}`,
      kind: 'history-drop',
      onClick: () => setMode('deleted'),
    }),
  )
}

/** @param {readonly string[]} ids */
function drop(ids) {
  void deleteConversations(ids)
  announce(ids.length > 1 ? 'All conversations are deleted' : 'The conversation is deleted')
  // What had the focus goes with what is deleted.
  focusIn(document, '.history-new')
}

/**
 * @param {ParentNode | null} part
 * @param {string} selector
 */
function focusIn(part, selector) {
  const element = part?.querySelector(selector)
  if (element instanceof HTMLElement) element.focus()
}

/** @param {{ readonly all: readonly ConversationHead[] }} props */
function DeleteAll({ all }) {
  const [isAsked, setAsked] = useState(false)
  if (isAsked)
    return h(Confirm, {
      words: `Delete all ${all.length} conversations?`,
      onCancel: () => setAsked(false),
      onDelete: () => drop(all.map(({ id }) => id)),
    })
  return h(
    'button',
    { type: 'button', class: 'text-button danger', onClick: () => setAsked(true) },
    'Delete all',
  )
}

/** @param {{ readonly head: ConversationHead, readonly onDone: () => void }} props */
function Rename({ head, onDone }) {
  const [title, setTitle] = useState(head.title)
  const isFocused = useRef(false)
  return h(
    'form',
    {
      class: 'history-rename',
      onSubmit: (event) => {
        event.preventDefault()
        if (title.trim() !== '') void renameConversation(head.id, title.trim())
        onDone()
      },
      onKeyDown: (event) => {
        if (event.key !== 'Escape' || event.isComposing) return
        // It is the name that is left, not the list.
        event.preventDefault()
        event.stopPropagation()
        onDone()
      },
    },
    h('input', {
      'aria-label': 'Name of the conversation',
      value: title,
      maxLength: 80,
      dir: 'auto',
      ref: (input) => {
        if (input && !isFocused.current) input.select()
        isFocused.current = true
      },
      onInput: (event) => setTitle(event.currentTarget.value),
    }),
    h('button', { type: 'submit', class: 'button' }, 'Rename'),
  )
}

/** @param {{ readonly words: string, readonly onDelete: () => void, readonly onCancel: () => void }} props */
function Confirm({ words, onDelete, onCancel }) {
  return h(
    'div',
    { class: 'history-confirm', role: 'group', 'aria-label': words },
    h('p', null, words),
    h(
      'div',
      { class: 'edit-buttons' },
      h(
        'button',
        {
          type: 'button',
          class: 'button quiet',
          // Whoever came here by the keyboard goes on from the harmless one.
          ref: (button) => button?.focus(),
          onClick: onCancel,
        },
        'Keep',
      ),
      h('button', { type: 'button', class: 'button danger', onClick: onDelete }, 'Delete'),
    ),
  )
}

/** @param {number} ms Unix */
function dayOf(ms) {
  const date = new Date(ms)
  const isToday = date.toDateString() === new Date().toDateString()
  return isToday
    ? date.toLocaleTimeString(undefined, { timeStyle: 'short' })
    : date.toLocaleDateString(undefined, { dateStyle: 'medium' })
}
