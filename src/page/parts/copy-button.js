/** Copies a text, and says so. */
import { announce } from '../announce.js'
import { h } from '../element.js'
import { useEffect, useState } from '../vendor/hooks.js'
import { IconButton } from './icon.js'

const SHOWN_MS = 1500

/** @param {{ readonly label: string, readonly text: () => string }} props */
export function CopyButton({ label, text }) {
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return
    const timer = setTimeout(() => setCopied(false), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [isCopied])
  const copy = async () => {
    await copyText(text())
    setCopied(true)
    announce('Copied')
  }
  return h(IconButton, { icon: isCopied ? 'check' : 'copy', label, onClick: () => void copy() })
}

/**
 * Browsers give the clipboard to https and localhost alone; elsewhere the old way still works.
 * @param {string} text
 */
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  // In a dialog the rest of the page cannot be selected.
  const place = document.querySelector('dialog[open]') ?? document.body
  place.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}
