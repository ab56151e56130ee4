/** A file's bytes under an address for `<img>`, `<video>` and `<audio>`, for as long as something shows them. */
import { useEffect, useState } from '../vendor/hooks.js'

/**
 * @param {Blob} blob
 * @returns {string | undefined} undefined until it is first drawn
 */
export function useObjectUrl(blob) {
  const [url, setUrl] = useState(/** @type {string | undefined} */ (undefined))
  useEffect(() => {
    const made = URL.createObjectURL(blob)
    setUrl(made)
    return () => URL.revokeObjectURL(made)
  }, [blob])
  return url
}
