/** The name of an ICC profile, for people (ICC.1:2022 §7.2–7.3, §9.2.41, §10.15; v2 files §10.17 of ICC.1:2001). */

/** Returns the description of the profile in English or its first language, or undefined where it has none. */
export function profileName(icc: Uint8Array): string | undefined {
  const view = new DataView(icc.buffer, icc.byteOffset, icc.byteLength)
  const tag = descriptionTag(view)
  if (!tag) return undefined
  const type = tag.byteLength < 12 ? '' : latin1(tag, 0, 4)
  if (type === 'desc') return clean(latin1(tag, 12, tag.getUint32(8)))
  if (type === 'mluc' && tag.byteLength >= 28)
    return clean(utf16(tag, tag.getUint32(24), tag.getUint32(20)))
  return undefined
}

function descriptionTag(view: DataView): DataView | undefined {
  if (view.byteLength < 132) return undefined
  const count = view.getUint32(128)
  for (let i = 0, at = 132; i < count && at + 12 <= view.byteLength; i++, at += 12) {
    if (latin1(view, at, 4) !== 'desc') continue
    const [offset, size] = [view.getUint32(at + 4), view.getUint32(at + 8)]
    if (offset + size > view.byteLength) return undefined
    return new DataView(view.buffer, view.byteOffset + offset, size)
  }
  return undefined
}

/** Reads past the end stop there: profiles are as untrusted as pictures. */
function latin1(view: DataView, at: number, length: number): string {
  const end = Math.min(at + length, view.byteLength)
  let text = ''
  for (let i = at; i < end; i++) text += String.fromCharCode(view.getUint8(i))
  return text
}

function utf16(view: DataView, at: number, length: number): string {
  const end = Math.min(at + length, view.byteLength - 1)
  let text = ''
  for (let i = at; i < end; i += 2) text += String.fromCharCode(view.getUint16(i))
  return text
}

/** Printable, short, and never empty. */
function clean(text: string): string | undefined {
  const printable = text.replace(/[^\x20-\x7e\u00a0-\ud7ff]/g, '').trim()
  return printable === '' ? undefined : printable.slice(0, 60)
}
