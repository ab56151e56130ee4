/** Copies a text, and says so. */
import { announce } from '../announce.js'
import { h } from '../element.js'
import { useEffect, useState } from '../vendor/hooks.js'
import { IconButton } from './icon.js'

const SHOWN_MS = 1500

/** @param {{ readonly label: string, readonly text: () => string }} props */
export function CopyButton({ label, text }) {
  const [shown, setShown] = useState(/** @type {'copy' | 'check' | 'close'} */ ('copy'))
  useEffect(() => {
    if (shown === 'copy') return
    const timer = setTimeout(() => setShown('copy'), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [shown])
  const copy = async () => {
    const isCopied = await copyText(text())
    setShown(isCopied ? 'check' : 'close')
    announce(isCopied ? 'Copied' : 'The browser does not let this page copy')
  }
  return h(IconButton, { icon: shown, label, onClick: () => void copy() })
}

/**
 * Browsers give the clipboard to https and localhost alone, and not where a person or a frame forbids it; the old way still works.
 * @param {string} text
 * @returns {Promise<boolean>} whether it was copied
 */
async function copyText(text) {
  const isWritten = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  )
  if (isWritten) return true
  const area = document.createElement('textarea')
  area.value = text
  // In a dialog the rest of the page cannot be selected.
  const place = document.querySelector('dialog[open]') ?? document.body
  place.append(area)
  area.select()
  const isCopied = document.execCommand('copy')
  area.remove()
  return isCopied
}
