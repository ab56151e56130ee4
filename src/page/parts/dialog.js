/** A dialog: the browser keeps the focus in it, closes it at Escape and gives the focus back. */
import { h } from '../element.js'
import { useEffect, useRef } from '../vendor/hooks.js'
import { IconButton } from './icon.js'

/**
 * @param {{ readonly title: string, readonly kind?: string, readonly onClose: () => void, readonly children: import('../types.d.ts').Children }} props
 */
export function Dialog({ title, kind = '', onClose, children }) {
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null))
  useEffect(() => {
    const dialog = ref.current
    dialog?.showModal()
    return () => dialog?.close()
  }, [])
  return h(
    'dialog',
    {
      ref,
      class: `dialog ${kind}`.trim(),
      'aria-label': title,
      onClose,
      // The backdrop belongs to the dialog, its content does not.
      onClick: (event) => {
        if (event.target === ref.current) onClose()
      },
    },
    h(
      'div',
      { class: 'dialog-content' },
      h(
        'header',
        { class: 'dialog-head' },
        h('h2', null, title),
        h(IconButton, { icon: 'close', label: 'Close', onClick: onClose }),
      ),
      children,
    ),
  )
}
