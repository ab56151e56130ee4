/** Ids of conversations, turns and files. */

/** 128 random bits. `crypto.randomUUID` is there on https and localhost alone, and servers in a house have neither. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
