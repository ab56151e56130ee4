/** Keys in a field for questions. */

/**
 * Enter sends; with Shift it begins a line, and while a word is being composed it is the input method's.
 * @param {KeyboardEvent} event
 */
export function isSending(event) {
  // Safari has ended the composition when the key arrives; its code tells.
  const isComposing = event.isComposing || event.keyCode === 229
  return event.key === 'Enter' && !event.shiftKey && !isComposing
}
