/** The frame of the page: views, model, key, settings, theme; files dropped or pasted anywhere. */
import { Announcer, announce } from './announce.js'
import { failureOf, isReachable, keyWanted } from './api/client.js'
import { loadModels, models } from './api/models.js'
import { untilReachable } from './api/reach.js'
import { BatchView } from './batches/batch-view.js'
import { ChatView } from './conversation/chat-view.js'
import { conversation } from './conversation/conversation.js'
import { addFiles, changeDraft } from './conversation/draft.js'
import { filesOf } from './dropped-files.js'
import { h } from './element.js'
import { HistoryDialog } from './history-dialog.js'
import { newConversation } from './keep/keeper.js'
import { KeyForm } from './key-form.js'
import { ModelPicker } from './model-picker.js'
import { FailureNote } from './parts/failure.js'
import { IconButton } from './parts/icon.js'
import { changeSettings, settings } from './settings.js'
import { SettingsDialog } from './settings-dialog.js'
import { useStore } from './store.js'
import { ThemeButton } from './theme-button.js'
import { useEffect, useState } from './vendor/hooks.js'

/** @typedef {import('./types.d.ts').Failure} Failure */

export function App() {
  const view = useView()
  const isKeyWanted = useStore(keyWanted)
  const known = useStore(models)
  const exchanges = useStore(conversation)
  const [isSetting, setSetting] = useState(false)
  const [isChoosing, setChoosing] = useState(false)
  const [failure, setFailure] = useState(/** @type {Failure | undefined} */ (undefined))
  const load = () => {
    setFailure(undefined)
    loadModels().then(chooseModel, (error) => setFailure(failureOf(error)))
  }
  useEffect(load, [])
  const isUp = useStore(isReachable)
  useEffect(() => {
    if (isUp) return
    return untilReachable(() => {
      announce('The server is back')
      load()
    })
  }, [isUp])
  const isDragged = useDrop()
  const isLocked = isKeyWanted && known.length === 0
  return h(
    'div',
    { class: 'page' },
    view === 'chat' && !isLocked
      ? h('a', { class: 'skip', href: '#question', onClick: focusQuestion }, 'Skip to the question')
      : null,
    h(
      'header',
      { class: 'top' },
      view === 'chat' && !isLocked
        ? h(IconButton, {
            icon: 'history',
            label: 'Conversations',
            kind: 'history-button',
            onClick: () => setChoosing(true),
          })
        : null,
      h(
        'a',
        { class: 'brand', href: '#chat', 'aria-label': 'Aerie' },
        h('img', {
          src: new URL('icon.svg', import.meta.url).href,
          alt: '',
          width: 26,
          height: 26,
        }),
        h('span', null, 'Aerie'),
      ),
      h(
        'nav',
        { 'aria-label': 'Views' },
        viewLink('chat', 'Chat', view),
        viewLink('batches', 'Batches', view),
      ),
      h(ModelPicker, {}),
      h(
        'div',
        { class: 'top-buttons' },
        view === 'chat' && exchanges.length > 0
          ? h(IconButton, { icon: 'add', label: 'New conversation', onClick: begin })
          : null,
        h(IconButton, { icon: 'settings', label: 'Settings', onClick: () => setSetting(true) }),
        h(ThemeButton, {}),
      ),
    ),
    isKeyWanted && !isLocked ? h(KeyForm, { onChange: load }) : null,
    isUp
      ? null
      : h(
          'p',
          { class: 'unreachable', role: 'status' },
          navigator.onLine
            ? 'The server cannot be reached. Trying again…'
            : 'There is no network. Trying again…',
        ),
    failure && isUp && failure.status !== 401
      ? h('div', { class: 'page-failure' }, h(FailureNote, { failure, onRetry: load }))
      : null,
    isLocked
      ? h(
          'main',
          { class: 'locked' },
          h('h1', { class: 'hidden' }, 'Aerie'),
          h(KeyForm, { onChange: load }),
        )
      : view === 'batches'
        ? h(BatchView, {})
        : h(ChatView, {}),
    isChoosing ? h(HistoryDialog, { onClose: () => setChoosing(false) }) : null,
    isSetting ? h(SettingsDialog, { onClose: () => setSetting(false) }) : null,
    isDragged ? h('div', { class: 'drop' }, h('p', null, 'Drop it here')) : null,
    h(Announcer, {}),
  )
}

/** The one that was used last, or the first. */
function chooseModel() {
  const known = models.get()
  if (!known.some(({ id }) => id === settings.get().model)) {
    changeSettings({ model: known[0]?.id ?? '' })
  }
}

function begin() {
  newConversation()
  announce('A new conversation')
  document.getElementById('question')?.focus()
}

/** @param {Event} event */
function focusQuestion(event) {
  event.preventDefault()
  document.getElementById('question')?.focus()
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} view
 */
function viewLink(name, label, view) {
  return h('a', { href: `#${name}`, ...(name === view && { 'aria-current': 'page' }) }, label)
}

/** Which view the address names. */
function useView() {
  const read = () => (location.hash === '#batches' ? 'batches' : 'chat')
  const [view, setView] = useState(read)
  useEffect(() => {
    const change = () => setView(read())
    addEventListener('hashchange', change)
    return () => removeEventListener('hashchange', change)
  }, [])
  return view
}

/**
 * Cells of a table and pages of a text come as a picture too; where words can stand, they are meant.
 * @param {ClipboardEvent} event
 */
function isOfWords({ target, clipboardData }) {
  const isField = target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement
  return (
    isField && clipboardData?.types.includes('text/html') && clipboardData.getData('text') !== ''
  )
}

/** Takes files that are dropped or pasted anywhere but on the view of batches, which has its own use for them. */
function useDrop() {
  const [isDragged, setDragged] = useState(false)
  useEffect(() => {
    const isElsewhere = () => location.hash === '#batches'
    const hasFiles = (/** @type {DragEvent} */ { dataTransfer }) =>
      dataTransfer?.types.includes('Files') && !isElsewhere()
    const over = (/** @type {DragEvent} */ event) => {
      if (hasFiles(event)) {
        event.preventDefault()
        setDragged(true)
      } else if (isElsewhere() && event.dataTransfer && !event.defaultPrevented) {
        // Else the browser would leave the page for what is dropped.
        event.preventDefault()
        event.dataTransfer.dropEffect = 'none'
      }
    }
    const leave = (/** @type {DragEvent} */ { relatedTarget }) => {
      if (relatedTarget === null) setDragged(false)
    }
    const drop = (/** @type {DragEvent} */ event) => {
      setDragged(false)
      if (!hasFiles(event)) return
      event.preventDefault()
      if (event.dataTransfer)
        filesOf(event.dataTransfer).then(addFiles, (error) =>
          changeDraft({ notice: `What was dropped cannot be read: ${error.message}` }),
        )
    }
    const paste = (/** @type {ClipboardEvent} */ event) => {
      const files = event.clipboardData?.files ?? []
      if (files.length === 0 || isElsewhere() || isOfWords(event)) return
      event.preventDefault()
      addFiles(files)
    }
    addEventListener('dragover', over)
    addEventListener('dragleave', leave)
    addEventListener('drop', drop)
    addEventListener('paste', paste)
    return () => {
      removeEventListener('dragover', over)
      removeEventListener('dragleave', leave)
      removeEventListener('drop', drop)
      removeEventListener('paste', paste)
    }
  }, [])
  return isDragged
}
