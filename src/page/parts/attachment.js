/** A chosen file in small: a picture, the first frame of a clip, or a name. */
import { formatBytes } from '../conversation/attachments.js'
import { uploading } from '../conversation/uploads.js'
import { h } from '../element.js'
import { useStore } from '../store.js'
import { useState } from '../vendor/hooks.js'
import { Icon, IconButton } from './icon.js'
import { useObjectUrl } from './object-url.js'

/** @typedef {import('../types.d.ts').Attachment} AttachmentFacts */

/** @param {{ readonly attachment: AttachmentFacts, readonly onRemove?: (() => void) | undefined }} props */
export function Attachment({ attachment, onRemove }) {
  const { id, kind, name, blob } = attachment
  const sent = useStore(uploading).get(id)
  return h(
    'li',
    { class: `attachment ${kind}` },
    kind === 'image' ? h(Thumbnail, { blob, name }) : null,
    kind === 'video' ? h(ClipThumbnail, { blob, name }) : null,
    kind === 'audio' || kind === 'document'
      ? h(
          'span',
          { class: 'named' },
          h(Icon, { name: kind === 'audio' ? 'sound' : 'document' }),
          h('span', null, name, h('small', null, formatBytes(blob.size))),
        )
      : null,
    sent === undefined
      ? null
      : h('progress', { class: 'sent', max: 1, value: sent, 'aria-label': `Uploading ${name}` }),
    onRemove
      ? h(IconButton, { icon: 'close', label: `Remove ${name}`, kind: 'remove', onClick: onRemove })
      : null,
  )
}

/** @param {{ readonly blob: Blob, readonly name: string }} props */
function Thumbnail({ blob, name }) {
  const url = useObjectUrl(blob)
  const [isBroken, setBroken] = useState(false)
  if (isBroken) return h(Unshown, { name })
  return h('img', { src: url ?? '', alt: name, onError: () => url && setBroken(true) })
}

/** @param {{ readonly blob: Blob, readonly name: string }} props */
function ClipThumbnail({ blob, name }) {
  const url = useObjectUrl(blob)
  const [isBroken, setBroken] = useState(false)
  if (isBroken) return h(Unshown, { name })
  return h('video', {
    src: url ?? '',
    muted: true,
    playsInline: true,
    preload: 'metadata',
    'aria-label': name,
    onError: () => url && setBroken(true),
  })
}

/**
 * Servers read more kinds of pictures and clips than browsers.
 * @param {{ readonly name: string }} props
 */
function Unshown({ name }) {
  return h(
    'span',
    { class: 'named' },
    h(Icon, { name: 'eye' }),
    h('span', null, name, h('small', null, 'This browser cannot show it; the server may.')),
  )
}
